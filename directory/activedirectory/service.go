package activedirectory

import (
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory/ldapclient"
)

// serviceName is the service account's login, as far as bind_dn tells: LOGIN@DOMAIN, DOMAIN\LOGIN, or
// a name in the tree.
func (d *Directory) serviceName() string {
	if _, login, ok := strings.Cut(d.set.BindDN, `\`); ok && !strings.Contains(d.set.BindDN, "=") {
		return login
	}
	if name, ok := ldapclient.GroupName(d.set.BindDN, ""); ok {
		return name
	}
	login, _, _ := strings.Cut(d.set.BindDN, "@")
	return login
}

// onLogin is what an administrator does to an account: on Windows, and on Samba.
func onLogin(words, login, windows, samba string) string {
	name, more := forWindows(login, nameOfService)
	return ldapclient.Steps(words+" on Windows (PowerShell)"+more+":", fmt.Sprintf(windows, name), "# on Samba:", fmt.Sprintf(samba, ldapclient.Quoted(login)))
}

func (d *Directory) onService(words, windows, samba string) string {
	return onLogin(words, d.serviceName(), windows, samba)
}

func onAccount(words string, e *goldap.Entry, windows, samba string) string {
	return onLogin(words, ldapclient.First(e, attrGroupName), windows, samba)
}

// refused says why the service account may not sign in, and what mends it. Whoever knows its name
// can lock it again, so it needs settings of its own.
func (d *Directory) refused(s ldapclient.Server, _ ldapclient.PolicyError, e *goldap.Error) (why, fix string) {
	if e == nil {
		return "", ""
	}
	said := triedAs(ldapclient.Said(e))
	why = said.means
	switch said.data {
	case "775":
		return why + " by wrong passwords", d.onService("unlock it;", `Unlock-ADAccount -Identity "%s"`, "samba-tool user unlock %s") + "\n" +
			d.onService("and give it settings of its own, without lock-out, so that a stranger's guesses don't stop the service;",
				"New-ADFineGrainedPasswordPolicy -Name services -Precedence 1 -LockoutThreshold 0 -MaxPasswordAge 00:00:00\nAdd-ADFineGrainedPasswordPolicySubject -Identity services -Subjects \"%s\"",
				"samba-tool domain passwordsettings pso create services 1 --account-lockout-threshold=0 --max-pwd-age=0\nsamba-tool domain passwordsettings pso apply services %s")
	case "533":
		return why, d.onService("enable it;", `Enable-ADAccount -Identity "%s"`, "samba-tool user enable %s")
	case "701":
		return why, d.onService("let it go on;", `Clear-ADAccountExpiration -Identity "%s"`, "samba-tool user setexpiry %s --noexpiry")
	case "532", "773":
		return why, d.onService("give it a new password, which goes into bind_password_file and does not expire;",
			"Set-ADAccountPassword -Reset -Identity \"%[1]s\"\nSet-ADUser -Identity \"%[1]s\" -PasswordNeverExpires $true", "samba-tool user setpassword %[1]s\nsamba-tool user setexpiry %[1]s --noexpiry")
	case "530", "531", "569":
		return why, d.onService("let it sign in at any hour from this machine;", `Set-ADUser -Identity "%s" -LogonWorkstations $null -Clear logonHours`, "samba-tool user edit %s")
	}
	return why, ldapclient.Steps("correct bind_dn, or the password in bind_password_file; by hand:", d.Command(s, "ldapsearch", "-b", "''", "-s", "base", ldapclient.NoAttribute))
}
