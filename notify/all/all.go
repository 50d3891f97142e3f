// Package all lists the senders that this build has. A company that builds its own adds its folder
// and a line here. It does nothing else.
package all

import (
	"postern/notify"
	"postern/notify/file"
	"postern/notify/smtp"
)

// Kinds are the senders, in the order of the documentation.
var Kinds = []notify.Kind{
	smtp.Kind,
	file.Kind,
}
