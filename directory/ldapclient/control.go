package ldapclient

import (
	"fmt"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Critical is a control that the server must either honour or refuse the request for. TRUE is 0xFF
// on the wire (RFC 4511 section 5.1): there are servers that take any other byte for FALSE, ignore
// a control that they do not know, and do what was asked.
type Critical struct {
	OID   string
	Value []byte // BER; nil: none
}

// GetControlType returns the control's OID.
func (c Critical) GetControlType() string { return c.OID }

// String names the control.
func (c Critical) String() string { return fmt.Sprintf("critical control %s", c.OID) }

// Encode returns the control (RFC 4511 section 4.1.11).
func (c Critical) Encode() *ber.Packet {
	p := ber.NewSequence("Control")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, c.OID, "OID"))
	p.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "Criticality"))
	if c.Value != nil {
		p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(c.Value), "Value"))
	}
	return p
}

// Optional is a control that a server may ignore: criticality is left out, which is FALSE.
type Optional struct {
	OID   string
	Value []byte // BER; nil: none
}

// GetControlType returns the control's OID.
func (o Optional) GetControlType() string { return o.OID }

// String names the control.
func (o Optional) String() string { return fmt.Sprintf("optional control %s", o.OID) }

// Encode returns the control (RFC 4511 section 4.1.11).
func (o Optional) Encode() *ber.Packet {
	p := ber.NewSequence("Control")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, o.OID, "OID"))
	if o.Value != nil {
		p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(o.Value), "Value"))
	}
	return p
}
