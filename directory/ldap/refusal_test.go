package ldap

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

// TestRefusals makes slapd refuse for each of its reasons, both ways to set a password.
func TestRefusals(t *testing.T) {
	for _, way := range []string{"exop", "modify"} {
		t.Run(way, func(t *testing.T) {
			s := testenv.Slapd(t, testenv.SlapdOptions{Right: "write", NoSync: true, Policy: map[string]string{"pwdMaxLength": "200"}})
			set := settings(t, s)
			set.PasswordChange = way
			d := open(t, set)
			long := make([]byte, 201)
			for i := range long {
				long[i] = byte('a' + i%26)
			}
			bob := lookUp(t, d, "bob").Ref.ID
			for _, p := range []string{"the second password", "the third password"} {
				if err := d.SetPassword(t.Context(), bob, secret.New(p)); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range []struct {
				login, password string
				want            directory.Reason
			}{
				{"alice", "Sh0rt!", directory.TooShort},
				{"alice", string(long), directory.TooLong},
				{"alice", "", directory.TooShort},
				{"alice", "{SSHA}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", directory.TooWeak},
				{"bob", "the second password", directory.InHistory},
				{"bob", "the third password", directory.SamePassword},
				{"carol", "too early for that", directory.TooYoung},
				{"grace", "only with the old one", directory.NeedsOld},
			} {
				err := d.SetPassword(t.Context(), lookUp(t, d, c.login).Ref.ID, secret.New(c.password))
				var r *directory.Rejected
				if !errors.As(err, &r) || r.Reason != c.want || r.Operator == "" {
					t.Errorf("%s, %.20q: got %v, want %s", c.login, c.password, err, c.want)
				}
			}
			if err := s.Bind("bob", "the third password"); err != nil {
				t.Errorf("after all refusals: %v", err)
			}
		})
	}
}

func TestNoRight(t *testing.T) {
	for _, way := range []string{"exop", "modify"} {
		s := testenv.Slapd(t, testenv.SlapdOptions{Right: "auth", NoSync: true})
		set := settings(t, s)
		set.PasswordChange = way
		d := open(t, set)
		err := d.SetPassword(t.Context(), lookUp(t, d, "alice").Ref.ID, secret.New("not mine to set"))
		var r *directory.Rejected
		if !errors.As(err, &r) || r.Reason != directory.NotAllowed {
			t.Errorf("%s: got %v, want not allowed", way, err)
		}
		if err := s.Bind("alice", testenv.SlapdInitialWord); err != nil {
			t.Error(err)
		}
	}
}

// answer builds a refusal as a server sends it; code < 0 leaves out the control.
func answer(result uint16, text string, code int) *goldap.Error {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationExtendedResponse, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int(result), ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, ""))
	p.AppendChild(op)
	if code >= 0 {
		value := []byte{0x30, 3, 0x81, 1, byte(code)}
		control := ber.NewSequence("")
		control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, ldapclient.PolicyOID, ""))
		control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(value), ""))
		all := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		all.AppendChild(control)
		p.AppendChild(all)
	}
	read := ber.DecodePacket(p.Bytes())
	return &goldap.Error{ResultCode: result, Err: errors.New(text), Packet: read}
}

func TestRefusal(t *testing.T) {
	var all []directorytest.Refusal
	for _, c := range []struct {
		result uint16
		text   string
		code   int
		want   directory.Reason
	}{
		// draft-behera-ldap-password-policy section 6.2
		{19, "", 0, directory.Refusal},
		{19, "", 1, directory.Refusal},
		{50, "", 2, directory.NotAllowed},
		{50, "", 3, directory.NotAllowed},
		{50, "", 4, directory.NeedsOld},
		{19, "", 5, directory.TooWeak},
		{19, "", 6, directory.TooShort},
		{19, "", 7, directory.TooYoung},
		{19, "", 8, directory.InHistory},
		{19, "", 9, directory.TooLong},
		{19, "Password is not being changed from existing value", 8, directory.SamePassword},
		{19, "anything", 77, directory.Refusal}, // no error of the draft
		// the texts alone
		{19, "Password fails quality checking policy", -1, directory.TooWeak},
		{19, "Password is not being changed from existing value", -1, directory.SamePassword},
		{19, "Password is in history of old passwords", -1, directory.InHistory},
		{19, "Password is too young to change", -1, directory.TooYoung},
		{50, "Must supply old password to be changed as well as new one", -1, directory.NeedsOld},
		{50, "User alteration of password is not allowed", -1, directory.NotAllowed},
		{53, "Must supply correct old password to change to new one", 4, directory.NeedsOld},
		{50, "Operations are restricted to bind/unbind/abandon/StartTLS/modify password", 2, directory.NotAllowed},
		{10, "", -1, directory.NotAllowed},
		{53, "operation restricted", -1, directory.NotAllowed},
		{53, "shadow context; no update referral", -1, directory.NotAllowed},
		{50, "", -1, directory.NotAllowed},
		{53, "unwilling to verify old password", -1, directory.Refusal},
		{53, "", -1, directory.Refusal},
		{19, "words of a check module", -1, directory.Refusal},
		{2, "unsupported extended operation", -1, directory.NotAllowed},
		{13, "confidentiality required", -1, directory.NotAllowed},
	} {
		err := ldapclient.Refusal(answer(c.result, c.text, c.code), "test", policyReason)
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
	for result, want := range map[uint16]error{
		32: directory.ErrNotFound, 51: directory.ErrUnavailable, 52: directory.ErrUnavailable,
		1: directory.ErrUncertain, 3: directory.ErrUncertain, 80: directory.ErrUncertain,
	} {
		if err := ldapclient.Refusal(answer(result, "", -1), "test", policyReason); !errors.Is(err, want) {
			t.Errorf("%d: got %v, want %v", result, err, want)
		}
	}
}

// FuzzAnswer reads a whole message of a server.
func FuzzAnswer(f *testing.F) {
	f.Add(answer(19, "Password fails quality checking policy", 6).Packet.Bytes())
	f.Add(answer(50, "", -1).Packet.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ber.DecodePacketErr(b)
		if err != nil {
			return
		}
		var e *goldap.Error
		if !errors.As(goldap.GetLDAPError(p), &e) {
			return
		}
		err = ldapclient.Refusal(e, "fuzz", policyReason)
		var r *directory.Rejected
		if errors.As(err, &r) == (errors.Is(err, directory.ErrUncertain) || errors.Is(err, directory.ErrUnavailable) || errors.Is(err, directory.ErrNotFound)) {
			t.Errorf("%x: %v is of several kinds, or of none", b, err)
		}
	})
}
