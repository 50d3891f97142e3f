// Package all lists the directories that the program knows.
//
// It holds nothing but the list: a new directory is a folder beside this one and a line here.
package all

import (
	"postern/directory"
	"postern/directory/activedirectory"
	"postern/directory/ds389"
	"postern/directory/ldap"
	"postern/directory/local"
)

// Kinds returns them in the order in which the documentation shows them.
func Kinds() []directory.Kind {
	return []directory.Kind{local.Kind, ldap.Kind, ds389.Kind, ds389.FreeIPA, activedirectory.Kind}
}
