package audit

// Classes says who may see each field. A field that is not here is treated as Secret.
//
// What a person did, and an operator's name on it, must stay; who the person is must be erasable.
// What was typed and what a directory said are other people's text: they can hold anything.
var Classes = map[Field]Class{
	Flow:      Public,
	Actor:     Public,
	Subject:   Personal,
	Login:     Personal,
	Typed:     Personal,
	Address:   Personal,
	Agent:     Personal,
	Target:    Personal,
	Rule:      Public,
	Why:       Public,
	Factor:    Public,
	From:      Public,
	To:        Public,
	Action:    Public,
	Detail:    Public,
	Message:   Public,
	Attempt:   Public,
	Operator:  Personal,
	Directory: Public,
}

// Kinds is the inventory: every kind of event, and what it means. A change of a known password
// goes through the recovery kinds with the action "change".
var Kinds = map[string]string{
	"recovery.started":        "Somebody started a recovery, for an account or for a name that nobody has.",
	"recovery.challenged":     "A method put a question: a code was queued, or a passkey or an app was asked.",
	"recovery.proved":         "A question was answered rightly, and more proofs are needed.",
	"recovery.answer_refused": "An answer was wrong, late, already used, or not to the open question.",
	"recovery.verified":       "The plan was met: one grant to set a password or to unlock.",
	"recovery.submitted":      "The grant was spent, before the directory was asked.",
	"recovery.applied":        "The directory made the change.",
	"recovery.rejected":       "The directory refused the change, and the grant was given back.",
	"recovery.unreached":      "The directory was surely not asked, and the grant was given back.",
	"recovery.uncertain":      "The directory was asked, and did not say whether it made the change.",
	"recovery.refused":        "The recovery ended: too many wrong answers, questions or rejected passwords.",
	"recovery.expired":        "The recovery ended: its time was up.",
	"recovery.cancelled":      "The recovery was given up, by the person or because another one succeeded.",
	"recovery.unsettled":      "The recovery ended, and nobody could tell whether the directory made the change.",
	"enrollment.invited":      "An operator made a one-time link to register a method.",
	"enrollment.asked":        "The link was opened and the method put its question.",
	"enrollment.added":        "A method was registered for an account.",
	"enrollment.removed":      "A registered method was taken away from an account.",
	"enrollment.refused":      "An answer to a registration was wrong, late or already used.",
	"enrollment.expired":      "A link to register a method was not used in time.",
	"message.sent":            "A message was accepted by the service that delivers it.",
	"message.failed":          "A message was not accepted, and will be tried again.",
	"message.dead":            "A message was not accepted, and will not be tried again.",
	"message.withheld":        "A message was made and not sent: its destination had enough, or it was a decoy's.",
	"person.added":            "An operator added an account to the built-in directory.",
	"person.shown":            "An operator looked at a person's account, methods or limits.",
	"audit.read":              "An operator read or exported the audit log.",
	"keys.rotated":            "A new sealing key was made; older ones still open what they sealed.",
	"system.started":          "A process began to serve.",
	"system.stopped":          "A process stopped serving in good order.",
}
