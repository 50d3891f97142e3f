package ds389

import (
	"cmp"
	"context"
	"fmt"
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
		r.Add(directory.Warning, "let the service account read it; try: "+d.Command(c.Server(), "ldapsearch", "-b", ldapclient.Quoted(dn), "-s", "base"), "%s: the policy %s says nothing", url, dn)
	default:
		r.Good("%s: the policy %s holds: %s", url, dn, p)
	}
	if d.set.PasswordRules == apply && p.known && !p.change {
		r.Add(directory.Warning, "set passwordChange to on in "+dn, "%s: the policy lets people not change their password", url)
	}
	a, err := d.account(ctx, c, e)
	switch {
	case err != nil:
	case a.Barred != "":
		r.Add(directory.Fault, "reset it by hand, as a member of that group", "%s: %s", url, a.Barred)
	case a.MustChange:
		r.Add(directory.Warning, "if Postern set it: see postern check about what expires at once", "%s: an administrator set the present password, and it must be changed", url)
	}
}

// examineRights asks for the rights on what resets and unlocks write.
func (d *Directory) examineRights(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, e *goldap.Entry) {
	url := c.Server().URL
	type right struct{ attribute, means string }
	wanted := []right{{"userPassword", "set the password"}, {attrUnlock, "end a lock-out"}, {attrFailures, "forget wrong passwords"}}
	if _, is := d.profile.(ipa); is {
		wanted = []right{{"userPassword", "set the password"}, {attrKrbUnlock, "end a lock-out"}, {attrKrbFailed, "forget wrong passwords"}}
	}
	var names []string
	for _, w := range wanted {
		names = append(names, w.attribute)
	}
	rights, err := d.rights(ctx, c, e.DN, names)
	if err != nil {
		r.Add(directory.Warning, "try a reset", "%s: the service account's rights on %s cannot be asked for: %v", url, e.DN, err)
		return
	}
	for _, w := range wanted {
		if strings.Contains(rights[strings.ToLower(w.attribute)], "w") {
			r.Good("%s: the service account may %s (%s)", url, w.means, w.attribute)
			continue
		}
		fix := fmt.Sprintf("as aci of %s: (targetattr = \"userPassword || accountUnlockTime || passwordRetryCount\")(version 3.0; acl \"postern resets and unlocks\"; allow (write) userdn = \"ldap:///%s\";)", d.set.Base, d.set.BindDN)
		if _, is := d.profile.(ipa); is {
			fix = "ipa privilege-add-permission PRIVILEGE --permissions='System: Change User password' --permissions='System: Unlock User', and give the service account a role with it"
		}
		r.Add(directory.Fault, fix, "%s: the service account may not %s: no right to write %s of %s", url, w.means, w.attribute, e.DN)
	}
}

// rights returns what the service account may do with each attribute, by its name in small letters:
// r, s, w (write), o (delete), c.
func (d *Directory) rights(ctx context.Context, c *ldapclient.Conn, dn string, attributes []string) (map[string]string, error) {
	found, err := d.Search(ctx, c, ldapclient.Query{
		Base: dn, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Attributes: attributes, Limit: 1,
		Controls: []goldap.Control{ldapclient.Critical{OID: effectiveRights, Value: []byte("dn:" + d.set.BindDN)}},
	})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
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
