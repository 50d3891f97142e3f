package ldapclient

import (
	"errors"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
)

// PolicyOID names the control of draft-behera-ldap-password-policy section 6.
const PolicyOID = goldap.ControlTypeBeheraPasswordPolicy

// The errors of that draft's section 6.2.
const (
	PolicySilent     PolicyError = -1
	PolicyExpired    PolicyError = 0
	PolicyLocked     PolicyError = 1
	PolicyMustChange PolicyError = 2
	PolicyNotAllowed PolicyError = 3
	PolicyNeedsOld   PolicyError = 4
	PolicyTooWeak    PolicyError = 5
	PolicyTooShort   PolicyError = 6
	PolicyTooYoung   PolicyError = 7
	PolicyInHistory  PolicyError = 8
	PolicyTooLong    PolicyError = 9
)

// Places in messages, and tags.
const (
	policyErrorTag     = 1 // error [1] ENUMERATED
	controlsPlace      = 2 // controls are the third part of an LDAPMessage (RFC 4511 section 4.1.1)
	controlParts       = 3 // OID, criticality, value
	extendedValue      = 1 // requestValue [1] (RFC 4511 section 4.12)
	passwordModifyUser = 0 // userIdentity [0] (RFC 3062 section 2)
	passwordModifyNew  = 2 // newPasswd [2]
)

// PasswordModifyOID names the Password Modify operation.
const PasswordModifyOID = "1.3.6.1.4.1.4203.1.11.1"

// PolicyError is what ppolicy said beside a result: one of the errors above, or PolicySilent.
type PolicyError int

// PolicyControl asks for it. It is not critical: a server without ppolicy answers as well. A
// control that were critical would need ber.NewLDAPBoolean, since TRUE is 0xFF (RFC 4511
// section 5.1).
type PolicyControl struct{}

// GetControlType returns the control's OID.
func (PolicyControl) GetControlType() string { return PolicyOID }

// String names the control.
func (PolicyControl) String() string { return "password policy" }

// Encode returns the control: its OID alone.
func (PolicyControl) Encode() *ber.Packet {
	p := ber.NewSequence("Control")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, PolicyOID, "OID"))
	return p
}

// policyIn reads the control among those that the library has decoded.
func policyIn(controls []goldap.Control) PolicyError {
	for _, c := range controls {
		if p, ok := c.(*goldap.ControlBeheraPasswordPolicy); ok && p.Error >= int8(PolicyExpired) {
			return PolicyError(p.Error)
		}
	}
	return PolicySilent
}

// PolicyOf reads the control of a refusal, which the library leaves in its packet.
func PolicyOf(e *goldap.Error) PolicyError {
	if e == nil || e.Packet == nil || len(e.Packet.Children) <= controlsPlace {
		return PolicySilent
	}
	for _, control := range e.Packet.Children[controlsPlace].Children {
		if control == nil || len(control.Children) < 2 || len(control.Children) > controlParts {
			continue
		}
		oid, value := control.Children[0], control.Children[len(control.Children)-1]
		if string(content(oid)) == PolicyOID && value.Tag == ber.TagOctetString && value.ClassType == ber.ClassUniversal {
			return parsePolicy(content(value))
		}
	}
	return PolicySilent
}

// Reason is why a password was refused; false where that is not said.
func (p PolicyError) Reason() (directory.Reason, bool) {
	switch p {
	case PolicyTooShort:
		return directory.TooShort, true
	case PolicyTooLong:
		return directory.TooLong, true
	case PolicyTooWeak:
		return directory.TooWeak, true
	case PolicyTooYoung:
		return directory.TooYoung, true
	case PolicyInHistory:
		return directory.InHistory, true
	case PolicyNeedsOld:
		return directory.NeedsOld, true
	case PolicyNotAllowed, PolicyMustChange: // the latter is about the service account itself
		return directory.NotAllowed, true
	}
	return "", false
}

// parsePolicy reads PasswordPolicyResponseValue: SEQUENCE { warning [0] CHOICE OPTIONAL,
// error [1] ENUMERATED OPTIONAL }. What is none says nothing.
func parsePolicy(value []byte) PolicyError {
	p, err := ber.DecodePacketErr(value)
	if err != nil || p == nil || p.ClassType != ber.ClassUniversal || p.Tag != ber.TagSequence {
		return PolicySilent
	}
	for _, child := range p.Children {
		code := content(child)
		if child.ClassType == ber.ClassContext && child.TagType == ber.TypePrimitive && child.Tag == policyErrorTag &&
			len(code) == 1 && PolicyError(code[0]) <= PolicyTooLong {
			return PolicyError(code[0])
		}
	}
	return PolicySilent
}

// content is what a packet holds. The library keeps it in Data whatever the class, and puts it
// there again after it has looked into a control.
func content(p *ber.Packet) []byte {
	if p == nil || p.Data == nil {
		return nil
	}
	return p.Data.Bytes()
}

// PasswordModify builds PasswdModifyRequestValue (RFC 3062 section 2): whose, and the new
// password, always: without one the server would make one up.
func PasswordModify(dn, to string) (*goldap.ExtendedRequest, error) {
	if dn == "" || to == "" {
		return nil, errors.New("ldap: a password change without a person or a password")
	}
	value := ber.NewSequence("Password Modify")
	value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, passwordModifyUser, dn, "User"))
	value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, passwordModifyNew, to, "New"))
	return passwordModify(value), nil
}
