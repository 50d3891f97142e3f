package activedirectory

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/directorytest"
	"postern/directory/ldapclient"
	"postern/secret"
)

// answers are texts of controllers: of Windows as its documentation and administrators show them,
// and of Samba as it wrote them.
var answers = []struct {
	code uint16
	text string
}{
	{19, "0000052D: AtrErr: DSID-03191083, #1:\n\t0: 0000052D: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)\n\x00"},
	{53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00"},
	{19, "0000052D: Constraint violation - check_password_restrictions: the password is too short. It should be equal or longer than 8 characters!"},
	{19, "0000052D: Constraint violation - check_password_restrictions: the password is too short. It should be equal to or longer than 8 characters!"},
	{19, "0000052D: Constraint violation - check_password_restrictions: the password does not meet the complexity criteria!"},
	{19, "0000052D: Constraint violation - check_password_restrictions: the password was already used (in history)!"},
	{19, "0000052D: Constraint violation - check_password_restrictions: the password was already used (previous password)!"},
	{19, "0000052D: Constraint violation - check_password_restrictions: password is too young to change!"},
	{19, "00000056: AtrErr: DSID-03191083, #1:\n\t0: 00000056: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)\n\x00"},
	{19, "00000056: Constraint violation - check_password_restrictions: The old password specified doesn't match!"},
	{19, "00000775: Constraint violation - check_password_restrictions: Password change on a locked out account is not permitted!"},
	{53, "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00"},
	{53, "00002077: SvcErr: DSID-031903CD, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00"},
	{53, "00002035: setup_io: it's not allowed to set the NT hash password directly'"},
	{50, "00002098: SecErr: DSID-03150E49, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\x00"},
	{50, "00000005: SecErr: DSID-031A11EF, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\x00"},
	{50, "error in module acl: insufficient access rights during LDB_MODIFY (50)"},
	{19, "error in module acl: Constraint violation during LDB_MODIFY (19)"},
	{12, "Critical extension is unavailable"},
	{16, "00000057: LdapErr: DSID-0C090D8A, comment: Error in attribute conversion operation, data 0, v4563\x00"},
	{32, "0000208D: NameErr: DSID-0310028B, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'OU=People,DC=example,DC=com'\n\x00"},
	{32, "00002030: No such Base DN"},
	{10, "0000202B: RefErr: DSID-0310082F, data 0, 1 access points\n\tref 1: 'dc1.example.com'\n\x00"},
	{1, "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4563\x00"},
	{1, "00002020: Operation unavailable"},
	{51, "00002024: busy"},
	{52, "00000000: LdapErr: DSID-0C090F94, comment: Error initializing SSL/TLS, data 0, v4563\x00"},
	{3, "time limit"}, {80, "00000000: other"},
	{19, "a password filter's own words"},
	{53, ""},
}

func answer(code uint16, text string) *goldap.Error {
	return &goldap.Error{ResultCode: code, Err: errors.New(text), Packet: ber.NewSequence("")}
}

// person is what somebody reads who has just tried a password.
func person(t *testing.T, texts map[string]any, err error) string {
	t.Helper()
	var r *directory.Rejected
	key := "problem.directory_unreached"
	switch {
	case errors.As(err, &r):
		key = "password.violation.directory_" + string(r.Reason)
	case errors.Is(err, directory.ErrUncertain):
		return "(the new password is tried before anything is said)"
	case errors.Is(err, directory.ErrNotFound):
		key = "password.violation.directory_gone"
	case errors.Is(err, directory.ErrWrongPassword), errors.Is(err, directory.ErrLocked), errors.Is(err, directory.ErrDisabled):
		return "(as after any wrong proof: nothing that tells which)"
	}
	text, ok := texts[key].(string)
	if !ok {
		t.Errorf("there is no text %s", key)
	}
	return text
}

// outcome is what SetPassword or ChangePassword would return for an answer.
func outcome(t *testing.T, e *goldap.Error) error {
	d := &Directory{now: time.Now, set: *Defaults(), policies: map[string]policy{}, controllers: map[string]controller{}}
	err := d.verdict(t.Context(), nil, nil, attempt{err: e})
	if ldapclient.Answered(err) != nil {
		return ldapclient.Refusal(e, "set a password", reasonOf)
	}
	return err
}

// TestRefusals compares what every answer becomes, and what the person reads, with a file that a
// person has read.
func TestRefusals(t *testing.T) {
	texts := directorytest.Texts(t)
	var b strings.Builder
	b.WriteString("What a controller answers to a new password, what it becomes, and what the person reads.\n")
	for _, a := range answers {
		err := outcome(t, answer(a.code, a.text))
		what := err.Error()
		for _, known := range []error{directory.ErrUnavailable, directory.ErrUncertain, directory.ErrNotFound, directory.ErrWrongPassword, directory.ErrLocked, directory.ErrDisabled} {
			if errors.Is(err, known) {
				what = known.Error()
			}
		}
		var r *directory.Rejected
		if errors.As(err, &r) {
			what = "refused: " + string(r.Reason) + "\n  operator: " + r.Operator
		}
		fmt.Fprintf(&b, "\nresult %d %q\n  %s\n  person: %s\n", a.code, a.text, what, person(t, texts, err))
	}
	b.WriteString("\nWhat a controller answers to a sign-in. The person reads nothing of it but whether they may go on.\n\n")
	for _, one := range tries {
		fmt.Fprintf(&b, "data %s, password right: %v: %s (%s)\n", one.data, one.right, one.err, one.means)
	}
	directorytest.Compare(t, b.String())
}

func TestGuess(t *testing.T) {
	now := time.Now()
	p := policy{known: true, minimum: 8, complex: true, history: 5, minAge: 24 * time.Hour}
	for _, c := range []struct {
		k    known
		to   string
		want directory.Reason
	}{
		{known{}, "whatever it is", directory.TooWeak},
		{known{policy: p, enforced: true, now: now, since: now}, "Sh0rt!", directory.TooShort},
		{known{policy: p, enforced: true, now: now, since: now}, "Sh0rt😀!", directory.TooYoung}, // eight units of UTF-16
		{known{policy: p, enforced: true, now: now, since: now}, "all lower case", directory.TooWeak},
		{known{policy: p, enforced: true, now: now, since: now.Add(-time.Hour)}, "Complex-1 enough", directory.TooYoung},
		{known{policy: p, enforced: true, now: now, since: now.Add(-48 * time.Hour)}, "Complex-1 enough", directory.InHistory},
		{known{policy: p, now: now, since: now}, "Complex-1 enough", directory.TooWeak},
		{known{policy: p, enforced: true, now: now, login: "alice"}, "Is-aLiCe-1", directory.TooWeak},
		{known{policy: p, enforced: true, now: now, name: "Example, Al B."}, "An-exAmple-1", directory.TooWeak},
		{known{policy: p, enforced: true, now: now, name: "Example, Al B."}, "An-albatros-1", directory.InHistory},
	} {
		if got := c.k.guess(secret.New(c.to)); got != c.want {
			t.Errorf("%q: got %s, want %s", c.to, got, c.want)
		}
	}
}

func TestTriedAs(t *testing.T) {
	const form = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data %s, v4563\x00"
	for data, want := range map[string]error{
		"525": directory.ErrWrongPassword, "52e": directory.ErrWrongPassword, "530": directory.ErrRestricted, "531": directory.ErrRestricted,
		"532": directory.ErrMustChange, "533": directory.ErrDisabled, "701": directory.ErrDisabled, "773": directory.ErrMustChange,
		"775": directory.ErrLocked, "0": directory.ErrWrongPassword, "7730": directory.ErrWrongPassword, "": directory.ErrWrongPassword,
	} {
		if got := triedAs(fmt.Sprintf(form, data)).err; !errors.Is(got, want) {
			t.Errorf("data %s: got %v, want %v", data, got, want)
		}
	}
}
