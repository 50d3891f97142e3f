package race

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/testenv"
)

// codes returns the codes that were sent to p, for each node.
func (c *cluster) codes(p *person) [][]string {
	c.t.Helper()
	var out [][]string
	for _, b := range c.inboxes {
		codes, err := b.Codes(p.codes())
		if err != nil {
			c.t.Fatal(err)
		}
		out = append(out, codes)
	}
	return out
}

// mailed waits for a code that any node sends to p after those before.
func (c *cluster) mailed(p *person, before [][]string) string {
	c.t.Helper()
	var code string
	testenv.WaitFor(c.t, "a code to "+p.login, 20*time.Second, func() error {
		for i, codes := range c.codes(p) {
			if len(codes) > len(before[i]) {
				code = codes[len(before[i])]
				return nil
			}
		}
		return fmt.Errorf("%v were there before", before)
	})
	return code
}

// limit makes more starts at once, from one address and over all nodes, than one address may make,
// and then one by one what is left. A request that was read earlier than one that is counted before
// it can be refused by the difference, so that the first part may fall short; never the whole.
func (c *cluster) limit() {
	c.t.Helper()
	var let atomic.Int32
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() {
			if c.let(i) {
				let.Add(1)
			}
		})
	}
	all.Wait()
	total := int(let.Load())
	for i := 0; total <= starts && c.let(i); i++ {
		total++
	}
	if total != starts {
		c.t.Errorf("starts by one address: %d were let through, want %d", total, starts)
	}
}

// let starts a recovery from one address and reports whether that was let through.
func (c *cluster) let(i int) bool {
	_, reply, err := c.caller(i).Begin(c.t.Context(), "nobody", http.Header{"X-Forwarded-For": {"203.0.113.7"}})
	if err != nil || reply.Status != http.StatusCreated && reply.Status != http.StatusTooManyRequests {
		c.t.Errorf("a start at the limit: %v, %s", err, reply)
	}
	return reply.Status == http.StatusCreated
}

// directory checks that every password was changed as often as somebody was told so.
func (c *cluster) directory() {
	c.t.Helper()
	conn, err := c.slapd.AdminConn()
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	found, err := conn.Search(goldap.NewSearchRequest(testenv.SlapdPeople, goldap.ScopeSingleLevel, goldap.NeverDerefAliases,
		0, 0, false, "(uid=u*)", []string{"uid", "pwdHistory"}, nil))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range found.Entries {
		login := e.GetAttributeValue("uid")
		if got := len(e.GetAttributeValues("pwdHistory")); got != c.changed[login] {
			c.t.Errorf("%s: the password was changed %d times, want %d", login, got, c.changed[login])
		}
	}
}

// messages checks that every message was sent, by one node, once: the codes, a notice of each of the
// two enrolments of everybody, and one of each reset. It stops the nodes.
func (c *cluster) messages() {
	c.t.Helper()
	count := func() (total, codes int, all []testenv.Message) {
		for _, b := range c.inboxes {
			here, err := b.All()
			if err != nil {
				c.t.Fatal(err)
			}
			all = append(all, here...)
		}
		for _, m := range all {
			if m.Code() != "" {
				codes++
			}
		}
		return len(all), codes, all
	}
	want := c.asked + 2*people + *rounds
	testenv.WaitFor(c.t, "the outbox", 30*time.Second, func() error {
		if total, _, _ := count(); total < want {
			return fmt.Errorf("%d messages were sent, want %d", total, want)
		}
		return nil
	})
	for _, n := range c.nodes {
		n.Stop()
	}
	total, codes, all := count()
	if total != want || codes != c.asked {
		c.t.Errorf("%d messages were sent, %d with codes; want %d and %d", total, codes, want, c.asked)
	}
	seen := map[testenv.Message]bool{}
	for _, m := range all {
		if seen[m] {
			c.t.Errorf("sent twice: %+v", m)
		}
		seen[m] = true
	}
}
