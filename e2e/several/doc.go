// Package several proves several directories in one instance end to end: an Active Directory and
// two OpenLDAP servers, real ones, behind one "postern serve". One reset reaches several of them,
// one that is down is reached later, and a login that two of them have is nobody's.
package several
