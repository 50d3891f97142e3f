package ldapclient

import "testing"

func TestPasswordModifyIsWhole(t *testing.T) {
	for _, c := range [][2]string{{"", "x"}, {"cn=x", ""}, {"", ""}} {
		if _, err := PasswordModify(c[0], c[1]); err == nil {
			t.Errorf("%q was built", c)
		}
	}
	ask, err := PasswordModify("cn=x", "new")
	if err != nil {
		t.Fatal(err)
	}
	// RFC 3062 section 2: SEQUENCE { userIdentity [0], newPasswd [2] } in requestValue [1].
	want := "\x81\x0d\x30\x0b\x80\x04cn=x\x82\x03new"
	if got := string(ask.Value.Bytes()); got != want || ask.Name != PasswordModifyOID {
		t.Errorf("got %x, want %x", got, want)
	}
	if len(ask.Controls) != 1 || ask.Controls[0].GetControlType() != PolicyOID {
		t.Errorf("controls: got %v", ask.Controls)
	}
	// Not critical: a SEQUENCE with the OID alone.
	if got, want := string(PolicyControl{}.Encode().Bytes()), "\x30\x1b\x04\x19"+PolicyOID; got != want {
		t.Errorf("control: got %x, want %x", got, want)
	}
}

func TestPasswordChangeIsWhole(t *testing.T) {
	for _, c := range [][3]string{{"", "old", "new"}, {"cn=x", "", "new"}, {"cn=x", "old", ""}} {
		if _, err := PasswordChange(c[0], c[1], c[2]); err == nil {
			t.Errorf("%q was built", c)
		}
	}
	ask, err := PasswordChange("cn=x", "old", "new")
	if err != nil {
		t.Fatal(err)
	}
	// RFC 3062 section 2: userIdentity [0], oldPasswd [1], newPasswd [2].
	if got, want := string(ask.Value.Bytes()), "\x81\x12\x30\x10\x80\x04cn=x\x81\x03old\x82\x03new"; got != want || len(ask.Controls) != 1 {
		t.Errorf("got %x, want %x", got, want)
	}
}

func FuzzPolicyControl(f *testing.F) {
	f.Add([]byte{0x30, 3, 0x81, 1, 8})
	f.Add([]byte{0x30, 0})
	f.Add([]byte{0x30, 8, 0xa0, 3, 0x80, 1, 60, 0x81, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if p := parsePolicy(b); p < PolicySilent || p > PolicyTooLong {
			t.Errorf("%x is read as %d", b, p)
		}
	})
}

// TestCriticalIsTrue: a critical control must be one for every server (RFC 4511 section 5.1).
func TestCriticalIsTrue(t *testing.T) {
	for _, c := range []struct {
		value []byte
		want  string
	}{
		{nil, "\x30\x0a\x04\x051.2.3\x01\x01\xff"},
		{[]byte{0x30, 3, 2, 1, 1}, "\x30\x11\x04\x051.2.3\x01\x01\xff\x04\x05\x30\x03\x02\x01\x01"},
	} {
		if got := string(Critical{OID: "1.2.3", Value: c.value}.Encode().Bytes()); got != c.want {
			t.Errorf("got %x, want %x", got, c.want)
		}
	}
}
