// Package crash kills the serving program at random moments of resets and looks at what is left:
// in the directory, in the store and in the audit log.
//
// It guards the order that a reset keeps: the grant is spent and recorded before the directory is
// asked, so that whatever moment the process dies in, no password is changed that nobody recorded,
// none is written twice, and a reset whose end nobody saw says so. It does not test a dying
// directory (package directory/ldap does) or a dying disk.
package crash
