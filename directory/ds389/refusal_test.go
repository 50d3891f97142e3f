package ds389

import (
	"errors"
	"fmt"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/directorytest"
	"postern/directory/ldapclient"
	"postern/internal/testenv"
	"postern/secret"
)

// TestRefusals makes the server refuse for each of its reasons.
func TestRefusals(t *testing.T) {
	s := testenv.DS389(t, testenv.DS389Options{Policy: map[string]string{"passwordMaxRepeats": "3"}})
	d := opened(t, settings(t, s), New)
	bob := lookUp(t, d, "bob").Ref.ID
	if err := d.SetPassword(t.Context(), bob, secret.New("Second-W0rd-of-his")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		login, password string
		want            directory.Reason
	}{
		{"alice", "Ab1-x", directory.TooShort},
		{"alice", "", directory.TooShort},
		{"alice", "abcdefghijklmnop", directory.TooWeak},
		{"alice", "Aaaaaaaa-Bb-1234-xy", directory.TooWeak},
		{"alice", "1Alice-2-Example", directory.TooWeak},
		{"alice", "{SSHA}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", directory.TooWeak},
		{"alice", testenv.DS389InitialWord, directory.InHistory},
		{"bob", testenv.DS389InitialWord, directory.InHistory},
		{"carol", "Far-too-early-4", directory.TooYoung},
		{"grace", "Only-12-Char", directory.TooShort},
	} {
		err := d.SetPassword(t.Context(), lookUp(t, d, c.login).Ref.ID, secret.New(c.password))
		var r *directory.Rejected
		if !errors.As(err, &r) || r.Reason != c.want || r.Operator == "" {
			t.Errorf("%s, %.20q: got %v, want %s", c.login, c.password, err, c.want)
		}
	}
	allow(t, s, s.DN("frank"), attrUnlock, false, `(targetattr = "*")(version 3.0; acl "postern reads"; allow (read,search,compare) userdn = "ldap:///`+s.Service+`";)`)
	var r *directory.Rejected
	if err := d.SetPassword(t.Context(), bob, secret.New("Not-mine-t0-set")); !errors.As(err, &r) || r.Reason != directory.NotAllowed {
		t.Errorf("without the right: got %v, want not allowed", err)
	}
	if err := s.Bind("bob", "Second-W0rd-of-his"); err != nil {
		t.Errorf("after all refusals: %v", err)
	}
}

// answer builds a refusal as a server sends it; code < 0 leaves out the control.
func answer(result uint16, text string, code int) *goldap.Error {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	p.AppendChild(ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationModifyResponse, nil, ""))
	if code >= 0 {
		control := ber.NewSequence("")
		control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, ldapclient.PolicyOID, ""))
		control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string([]byte{0x30, 3, 0x81, 1, byte(code)}), ""))
		all := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		all.AppendChild(control)
		p.AppendChild(all)
	}
	return &goldap.Error{ResultCode: result, Err: errors.New(text), Packet: ber.DecodePacket(p.Bytes())}
}

// TestRefusal: the texts are the servers' own, those of FreeIPA from its source.
func TestRefusal(t *testing.T) {
	var all []directorytest.Refusal
	for _, c := range []struct {
		result uint16
		text   string
		code   int
		want   directory.Reason
	}{
		{19, "invalid password syntax - password must be at least 10 characters long", 5, directory.TooShort},
		{19, "invalid password syntax - password must contain at least 3 character categories (valid categories are digit, uppercase, lowercase, special, and 8-bit characters)", 5, directory.TooWeak},
		{19, "invalid password syntax - a character cannot be repeated more than 3 times", 5, directory.TooWeak},
		{19, "invalid password syntax - password based off of user entry", 5, directory.TooWeak},
		{19, "invalid password syntax - passwords with storage scheme are not allowed", 5, directory.TooWeak},
		{19, "password in history", 8, directory.InHistory},
		{19, "password in history", -1, directory.InHistory}, // the present one
		{19, "within password minimum age", 7, directory.TooYoung},
		{53, "user is not allowed to change password", 3, directory.NotAllowed},
		{50, "Insufficient 'write' privilege to the 'userPassword' attribute of entry 'uid=bob,ou=people,dc=example,dc=test'.\n", 3, directory.NotAllowed},
		{50, "Insufficient 'write' privilege to the 'accountUnlockTime' attribute of entry 'uid=bob,ou=people,dc=example,dc=test'.\n", -1, directory.NotAllowed},
		{19, "Failed to update password\n", 5, directory.TooWeak}, // the Password Modify operation
		{19, "Failed to update password\n", -1, directory.Refusal},
		{13, "Operation requires a secure connection.\n", -1, directory.NotAllowed},
		{10, "", -1, directory.NotAllowed}, // a copy that takes no writes
		// the control alone (draft-behera-ldap-password-policy section 6.2)
		{50, "", 2, directory.NotAllowed}, {50, "", 3, directory.NotAllowed}, {50, "", 4, directory.NeedsOld}, {19, "", 5, directory.TooWeak},
		{19, "", 6, directory.TooShort}, {19, "", 7, directory.TooYoung}, {19, "", 8, directory.InHistory}, {19, "", 9, directory.TooLong},
		// FreeIPA
		{19, "Account expired", -1, directory.NotAllowed},
		{19, "Too soon to change password", 7, directory.TooYoung},
		{19, "Password is too short", 6, directory.TooShort},
		{19, "Password reuse not permitted", 8, directory.InHistory},
		{19, "Password is too simple", 5, directory.TooWeak},
		{19, "Password has too many consecutive characters", 5, directory.TooWeak},
		{19, "Password contains a monotonic sequence", 5, directory.TooWeak},
		{19, "Password is based on a dictionary word", 5, directory.TooWeak},
		{19, "Password is a palindrone", 5, directory.TooWeak},
		{19, "Password contains username", 5, directory.TooWeak},
		{19, "Password does not meet the policy requirements", -1, directory.TooWeak},
		{19, "Password Fails to meet minimum strength criteria", -1, directory.TooWeak},
		{19, "Pre-Encoded passwords are not valid\n", -1, directory.TooWeak},
		{19, "words of a plugin", -1, directory.Refusal},
	} {
		err := ldapclient.Refusal(answer(c.result, c.text, c.code), "test", reason)
		var r *directory.Rejected
		if !errors.As(err, &r) || r.Reason != c.want {
			t.Errorf("%d %q %d: got %v, want %s", c.result, c.text, c.code, err, c.want)
		}
		said := fmt.Sprintf("result %d %q", c.result, c.text)
		if c.code >= 0 {
			said += fmt.Sprintf(", control error %d", c.code)
		}
		all = append(all, directorytest.Refusal{Said: said, Err: err})
	}
	directorytest.Golden(t, all)
}

// TestVerdict: what was said before anybody looked at the password is no proof of it.
func TestVerdict(t *testing.T) {
	plain, free := standing{proves: true}, standing{silent: true}
	expired := standing{silent: true, state: state{expired: true}}
	for _, c := range []struct {
		who  standing
		said ldapclient.PolicyError
		err  error
		want error
	}{
		{plain, ldapclient.PolicySilent, nil, nil},
		{plain, ldapclient.PolicyMustChange, nil, directory.ErrMustChange},
		{plain, ldapclient.PolicyExpired, answer(49, "password expired!", 0), directory.ErrMustChange},
		{plain, ldapclient.PolicyUnproven, answer(49, "password expired!", 0), directory.ErrLocked},
		{plain, ldapclient.PolicySilent, answer(49, "", -1), directory.ErrWrongPassword},
		{plain, ldapclient.PolicyLocked, answer(19, "Exceed password retry limit. Please try later.", 1), directory.ErrLocked},
		{plain, ldapclient.PolicyLocked, answer(53, "Account inactivated. Contact system administrator.", 1), directory.ErrDisabled},
		{free, ldapclient.PolicyExpired, answer(49, "Password is expired.\n", 0), directory.ErrLocked},
		{free, ldapclient.PolicySilent, answer(53, "Too many failed logins.\n", -1), directory.ErrLocked},
		{free, ldapclient.PolicySilent, answer(53, "Entry permanently locked.\n", -1), directory.ErrLocked},
		{free, ldapclient.PolicySilent, answer(53, "Account (Kerberos principal) is expired", -1), directory.ErrDisabled},
		{expired, ldapclient.PolicySilent, nil, directory.ErrMustChange},
		{expired, ldapclient.PolicySilent, answer(49, "", -1), directory.ErrWrongPassword},
	} {
		if got := c.who.verdict(c.said, c.err); !errors.Is(got, c.want) || c.want == nil && got != nil {
			t.Errorf("%v, %v: got %v, want %v", c.said, c.err, got, c.want)
		}
	}
	for _, e := range []error{answer(53, "words", -1), answer(52, "", -1), answer(1, "", -1)} {
		got := plain.verdict(ldapclient.PolicySilent, e)
		if got == nil || errors.Is(got, directory.ErrWrongPassword) || errors.Is(got, directory.ErrLocked) {
			t.Errorf("%v: got %v, want that nobody can tell", e, got)
		}
	}
}
