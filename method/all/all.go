// Package all lists the methods that this build has. A company that builds its own adds its
// folder and a line here. It does nothing else.
package all

import (
	"postern/method"
	"postern/method/emailcode"
	"postern/method/passkey"
	"postern/method/totp"
)

// Kinds are the methods, in the order of the documentation.
var Kinds = []method.Kind{
	passkey.Kind,
	totp.Kind,
	emailcode.Kind,
}
