package ds389

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// effectiveRights is the control that makes a search tell what somebody may do to what it finds
// (Get Effective Rights, draft-ietf-ldapext-acl-model).
const effectiveRights = "1.3.6.1.4.1.42.2.27.9.5.2"

// Examine tells what every server lets the service account do to one person, and which rules hold.
// The server is asked for the rights; nothing is written.
func (d *Directory) Examine(ctx context.Context, id string) ([]directory.Finding, error) {
	return d.ExamineEach(ctx, id, d.attributes(), func(r *ldapclient.Report, c *ldapclient.Conn, e *goldap.Entry) {
		d.examineState(ctx, r, c, e)
		d.examineRights(ctx, r, c, e)
	})
}

// examineState tells which policy holds for the person, and what stands in the way of a reset.
func (d *Directory) examineState(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, e *goldap.Entry) {
	url := c.Server().URL
	dn := cmp.Or(d.profile.policyDN(e), d.set.PolicyDN)
	p, err := d.policyFor(ctx, c, e)
	switch {
	case dn == "":
		r.Add(directory.Warning, "set policy_dn", "%s: which policy holds for %s is not known", url, e.DN)
	case err != nil || !p.known:
		r.Add(directory.Warning, d.readable(c.Server(), dn), "%s: the policy %s says nothing", url, dn)
	default:
		r.Good("%s: the policy %s holds: %s", url, dn, p)
	}
	if d.set.PasswordRules == apply && p.known && !p.change {
		r.Add(directory.Warning, d.setting(c.Server(), dn, "passwordChange", "on"), "%s: the policy lets people not change their password", url)
	}
	a, err := d.account(ctx, c, e)
	switch {
	case err != nil:
	case a.Barred != "":
		r.Add(directory.Warning, "leave the account to its administrators, or reset it by hand as a member of that group", "%s: %s", url, a.Barred)
	case a.MustChange:
		r.Add(directory.Warning, ldapclient.Steps("if Postern set it, this says what expires at once:", "postern check"), "%s: an administrator set the present password, and it must be changed", url)
	}
}

// examineRights asks for the rights on what resets and unlocks write.
func (d *Directory) examineRights(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, e *goldap.Entry) {
	url := c.Server().URL
	rights, err := d.rights(ctx, c, e.DN, d.wanted())
	if err != nil {
		d.tellBlind(r, c, e, err)
		return
	}
	for _, w := range d.wanted() {
		if rights.write(w) {
			r.Good("%s: the service account may %s (%s)", url, w.means, w.attribute)
			continue
		}
		r.Add(directory.Fault, d.resettable(c.Server()), "%s: the service account may not %s: no right to write %s of %s", url, w.means, w.attribute, e.DN)
	}
}

// tellBlind says that the rights can't be asked for, and how an administrator sees them.
func (d *Directory) tellBlind(r *ldapclient.Report, c *ldapclient.Conn, e *goldap.Entry, err error) {
	r.Add(directory.Warning, ldapclient.Steps("to see them by hand:", d.CommandAs(c.Server(), manager, "ldapsearch", "-b", ldapclient.Quoted(e.DN), "-s", "base",
		"-E", ldapclient.Quoted("!"+effectiveRights+"=:dn:"+d.set.BindDN), ldapclient.Anything, "attributeLevelRights")),
		"%s: the service account's rights on %s cannot be asked for: %v", c.Server().URL, e.DN, err)
}

// wanted is an attribute that resets and unlocks write, and what for.
type wanted struct{ attribute, means string }

func (d *Directory) wanted() []wanted {
	if _, is := d.profile.(ipa); is {
		return []wanted{{"userPassword", "set the password"}, {attrKrbUnlock, "end a lock-out"}, {attrKrbFailed, "clear the count of wrong passwords"}}
	}
	return []wanted{{"userPassword", "set the password"}, {attrUnlock, "end a lock-out"}, {attrFailures, "clear the count of wrong passwords"}}
}

// checkRights asks for the rights on a few people.
func (d *Directory) checkRights(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, people []*goldap.Entry) {
	may := map[string]effective{}
	for _, e := range people {
		var err error
		if may[e.DN], err = d.rights(ctx, c, e.DN, d.wanted()); err != nil {
			d.tellBlind(r, c, e, err)
			return
		}
	}
	for i, w := range d.wanted() {
		right := ldapclient.Right{Means: w.means, Lack: directory.Fault, Fix: d.resettable(c.Server())}
		if i > 1 {
			right.Lack = directory.Warning
		}
		r.Sample(c.Server().URL, right, people, func(e *goldap.Entry) bool { return may[e.DN].write(w) })
	}
}

// guarded tells whom FreeIPA leaves to its administrators.
func (d *Directory) guarded(e *goldap.Entry) bool {
	_, is := d.profile.(ipa)
	return is && slices.ContainsFunc(e.GetEqualFoldAttributeValues(attrGroups), func(dn string) bool {
		return len(dn) > len(administrators) && strings.EqualFold(dn[:len(administrators)], administrators)
	})
}

// effective is what the service account may do with each attribute, by its name in small letters:
// r, s, w (write), o (delete), c.
type effective map[string]string

func (e effective) write(w wanted) bool {
	return strings.Contains(e[strings.ToLower(w.attribute)], "w")
}

// rights asks for them on one entry.
func (d *Directory) rights(ctx context.Context, c *ldapclient.Conn, dn string, of []wanted) (effective, error) {
	var attributes []string
	for _, w := range of {
		attributes = append(attributes, w.attribute)
	}
	found, err := d.Search(ctx, c, ldapclient.Query{
		Base: dn, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Attributes: attributes, Limit: 1,
		Controls: []goldap.Control{ldapclient.Critical{OID: effectiveRights, Value: []byte("dn:" + d.set.BindDN)}},
	})
	if err != nil {
		return nil, err
	}
	out := effective{}
	for _, e := range found {
		for _, list := range e.GetEqualFoldAttributeValues("attributeLevelRights") {
			for one := range strings.SplitSeq(list, ", ") {
				if name, has, ok := strings.Cut(one, ":"); ok {
					out[strings.ToLower(name)] = has
				}
			}
		}
	}
	if _, told := out["userpassword"]; !told {
		return nil, fmt.Errorf("the server answers %v", out)
	}
	return out, nil
}
