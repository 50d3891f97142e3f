package activedirectory

import (
	"encoding/binary"
	"strings"
	"testing"
)

// The people of these tests.
var (
	me       = sid("\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00aaaabbbbcccc\x01\x00\x00\x00")
	mine     = sid("\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00aaaabbbbcccc\x02\x00\x00\x00")
	other    = sid("\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00aaaabbbbcccc\x03\x00\x00\x00")
	everyone = sid("\x01\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00")
)

// ace builds an access control entry.
func ace(kind, flags byte, mask uint32, object, inherited string, who sid) []byte {
	body := binary.LittleEndian.AppendUint32(nil, mask)
	if kind == typeAllowObject || kind == typeDenyObject || kind == typeAllowCallbackObject {
		var present uint32
		var guids []byte
		for i, one := range []string{object, inherited} {
			if g, ok := parseGUID(one); ok {
				present |= 1 << i
				guids = append(guids, g[:]...)
			}
		}
		body = append(binary.LittleEndian.AppendUint32(body, present), guids...)
	}
	body = append(body, who...)
	head := binary.LittleEndian.AppendUint16([]byte{kind, flags}, uint16(entryHead+len(body)))
	return append(head, body...)
}

// list builds a security descriptor of entries.
func list(aces ...[]byte) []byte {
	var all []byte
	for _, a := range aces {
		all = append(all, a...)
	}
	out := make([]byte, descriptorHead, descriptorHead+listHead+len(all))
	out[0] = 1
	binary.LittleEndian.PutUint16(out[2:], selfRelative|listPresent)
	binary.LittleEndian.PutUint32(out[listPlace:], descriptorHead)
	out = append(out, 4, 0)
	out = binary.LittleEndian.AppendUint16(out, uint16(listHead+len(all)))
	out = binary.LittleEndian.AppendUint16(out, uint16(len(aces)))
	out = append(out, 0, 0)
	return append(out, all...)
}

func sampleDescriptors() [][]byte {
	return [][]byte{
		list(), list(ace(typeAllow, 0, maskAll, "", "", me)),
		list(ace(typeDenyObject, 0, maskControl, idReset, idUser, other), ace(typeAllowObject, 0x10, maskControl, idReset, idUser, me)),
	}
}

// idChange is the right User-Change-Password, which the service does not need.
const idChange = "ab721a53-1e2f-11d0-9819-00aa0040529b"

// TestRights tries the order of MS-ADTS section 5.1.3.3 and what an entry is about.
func TestRights(t *testing.T) {
	reset := func(who sid) []byte { return ace(typeAllowObject, 0, maskControl, idReset, idUser, who) }
	deny := func(who sid) []byte { return ace(typeDenyObject, 0, maskControl, idReset, "", who) }
	for _, c := range []struct {
		name string
		aces [][]byte
		of   right
		want bool
	}{
		{"nobody says anything", nil, rightReset, false},
		{"given to the account", [][]byte{reset(me)}, rightReset, true},
		{"given to its group", [][]byte{reset(mine)}, rightReset, true},
		{"given to everyone", [][]byte{reset(everyone)}, rightReset, true},
		{"given to somebody else", [][]byte{reset(other)}, rightReset, false},
		{"denied before it is given", [][]byte{deny(mine), reset(me)}, rightReset, false},
		{"given before it is denied", [][]byte{reset(me), deny(mine)}, rightReset, true},
		{"denied to somebody else", [][]byte{deny(other), reset(me)}, rightReset, true},
		{"all extended rights", [][]byte{ace(typeAllow, 0, maskControl, "", "", me)}, rightReset, true},
		{"all extended rights by an object entry without object", [][]byte{ace(typeAllowObject, 0, maskControl, "", idUser, me)}, rightReset, true},
		{"everything", [][]byte{ace(typeAllow, 0, maskAll, "", "", me)}, rightReset, true},
		{"full control as it is stored", [][]byte{ace(typeAllow, 0, 0xf01ff, "", "", me)}, rightReset, true},
		{"only writing", [][]byte{ace(typeAllow, 0, maskWriting|maskWrite, "", "", me)}, rightReset, false},
		{"the right to change", [][]byte{ace(typeAllowObject, 0, maskControl, idChange, "", me)}, rightReset, false},
		{"all denied first", [][]byte{ace(typeDeny, 0, maskControl, "", "", everyone), reset(me)}, rightReset, false},
		{"another right denied", [][]byte{ace(typeDenyObject, 0, maskControl, idChange, "", everyone), reset(me)}, rightReset, true},
		{"for what is below only", [][]byte{ace(typeAllowObject, inheritOnly|2, maskControl, idReset, idUser, me)}, rightReset, false},
		{"denied for what is below only", [][]byte{ace(typeDeny, inheritOnly|2, maskControl, "", "", me), reset(me)}, rightReset, true},
		{"handed down", [][]byte{ace(typeAllowObject, 0x10, maskControl, idReset, idUser, me)}, rightReset, true},
		{"an audit entry", [][]byte{ace(2, 0, maskAll, "", "", me)}, rightReset, false},

		{"write the attribute", [][]byte{ace(typeAllowObject, 0, maskWrite|0x10, idLastSet, idUser, me)}, rightMustChange, true},
		{"write its property set", [][]byte{ace(typeAllowObject, 0, maskWrite, idRestrictions, idUser, me)}, rightMustChange, true},
		{"the property set holds no lockoutTime", [][]byte{ace(typeAllowObject, 0, maskWrite, idRestrictions, idUser, me)}, rightUnlock, false},
		{"write every attribute", [][]byte{ace(typeAllow, 0, maskWrite, "", "", me)}, rightUnlock, true},
		{"write all of a user", [][]byte{ace(typeAllowObject, 0, maskWrite, idUser, "", me)}, rightUnlock, true},
		{"generic write", [][]byte{ace(typeAllow, 0, maskWriting, "", "", me)}, rightUnlock, true},
		{"read alone", [][]byte{ace(typeAllowObject, 0, 0x10, idLockoutTime, "", me)}, rightUnlock, false},
		{"the set denied, the attribute given later", [][]byte{ace(typeDenyObject, 0, maskWrite, idRestrictions, "", me), ace(typeAllowObject, 0, maskWrite, idLastSet, "", me)}, rightMustChange, false},
	} {
		d, err := readDescriptor(list(c.aces...))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := d.grants(c.of, map[sid]bool{me: true, mine: true, everyone: true}); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestDescriptorWithoutList(t *testing.T) {
	b := list()
	b[2] &^= listPresent
	d, err := readDescriptor(b)
	if err != nil || !d.grants(rightReset, nil) {
		t.Errorf("no list: got %v, want everything allowed", err)
	}
	if d, err = readDescriptor(list()); err != nil || d.grants(rightReset, map[sid]bool{me: true}) {
		t.Errorf("an empty list: got %v, want nothing allowed", err)
	}
	whole := list(ace(typeAllowObject, 0, maskControl, idReset, idUser, me), ace(typeAllow, 0, maskAll, "", "", me))
	for n := range len(whole) {
		if d, err := readDescriptor(whole[:n]); err == nil {
			t.Errorf("%d bytes of %d are read as %+v", n, len(whole), d)
		}
	}
}

// TestConditions: an entry that holds under a condition can't be judged, and neither can its list.
func TestConditions(t *testing.T) {
	for _, kind := range []byte{typeAllowCallback, typeDenyCallback, typeAllowCallbackObject, typeDenyCallbackObject} {
		d, err := readDescriptor(list(ace(kind, 0, maskAll, "", "", me)))
		if err != nil || !d.conditional {
			t.Errorf("kind %d: got %+v, %v", kind, d, err)
		}
	}
	d, err := readDescriptor(list(ace(typeAllowCallback, inheritOnly, maskAll, "", "", me)))
	if err != nil || d.conditional {
		t.Errorf("for what is below only: got %+v, %v", d, err)
	}
}

func TestBarred(t *testing.T) {
	for _, c := range []struct {
		m       may
		guarded bool
		want    string
	}{
		{may{}, false, ""}, {may{}, true, ""}, {may{known: true, reset: true}, true, ""},
		{may{known: true}, false, "delegated"}, {may{known: true}, true, "AdminSDHolder"},
	} {
		if got := c.m.barred(c.guarded); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v, guarded %v: got %q, want %q", c.m, c.guarded, got, c.want)
		}
	}
}
