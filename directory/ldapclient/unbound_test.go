package ldapclient

import (
	"errors"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
)

// TestUnboundIsNotKept: a connection that speaks for nobody any more does not go back into the pool.
func TestUnboundIsNotKept(t *testing.T) {
	for _, c := range []struct {
		result uint16
		text   string
		want   bool
	}{
		{1, "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4563", true},
		{1, "00002020: LdapErr: DSID-0C090A5C", false},
		{50, "000004DC: words", false},
		{0, "", false},
	} {
		conn := &Conn{wire: &wire{}, request: time.Minute}
		said := &goldap.Error{ResultCode: c.result, Err: errors.New(c.text), Packet: ber.NewSequence("")}
		err := conn.Do(t.Context(), func() error {
			if c.result == 0 {
				return nil
			}
			return said
		})
		if conn.broken != c.want || (err == nil) != (c.result == 0) {
			t.Errorf("%d %.20s: got broken %t, want %t (%v)", c.result, c.text, conn.broken, c.want, err)
		}
	}
}
