package activedirectory

import (
	"encoding/binary"
	"errors"
)

// descriptor is a security descriptor, as far as it matters here: its access list.
type descriptor struct {
	listed      bool // without a list everything is allowed
	conditional bool // some entries hold only under conditions, which can't be judged from here
	list        []entry
}

// entry is an access control entry that allows or denies.
type entry struct {
	allows  bool
	inherit bool // for what is below only
	mask    uint32
	object  guid // what it is about; the zero one: everything
	who     sid
}

// Numbers of MS-DTYP sections 2.4.4 to 2.4.6.
const (
	descriptorHead = 20
	listPresent    = 0x0004 // SE_DACL_PRESENT
	selfRelative   = 0x8000
	listPlace      = 16 // of the list's offset
	listHead       = 8
	entryHead      = 4
	entryMask      = 4
	inheritOnly    = 0x08

	typeAllow, typeDeny                             = 0x00, 0x01
	typeAllowObject, typeDenyObject                 = 0x05, 0x06
	typeAllowCallback, typeDenyCallback             = 0x09, 0x0a
	typeAllowCallbackObject, typeDenyCallbackObject = 0x0b, 0x0c
	objectPresent                                   = 0x1 // ACE_OBJECT_TYPE_PRESENT
	inheritedPresent                                = 0x2 // ACE_INHERITED_OBJECT_TYPE_PRESENT
)

var errDescriptor = errors.New("activedirectory: that is no security descriptor")

// readDescriptor reads a self-relative security descriptor (MS-DTYP section 2.4.6).
func readDescriptor(b []byte) (descriptor, error) {
	if len(b) < descriptorHead || b[0] != 1 {
		return descriptor{}, errDescriptor
	}
	flags, at := binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[listPlace:])
	if flags&selfRelative == 0 {
		return descriptor{}, errDescriptor
	}
	if flags&listPresent == 0 || at == 0 {
		return descriptor{}, nil
	}
	if uint64(at)+listHead > uint64(len(b)) || at < descriptorHead {
		return descriptor{}, errDescriptor
	}
	list := b[at:]
	size, count := int(binary.LittleEndian.Uint16(list[2:])), int(binary.LittleEndian.Uint16(list[4:]))
	if size < listHead || size > len(list) {
		return descriptor{}, errDescriptor
	}
	out := descriptor{listed: true}
	rest := list[listHead:size]
	for range count {
		if len(rest) < entryHead {
			return descriptor{}, errDescriptor
		}
		size := int(binary.LittleEndian.Uint16(rest[2:]))
		if size < entryHead || size > len(rest) {
			return descriptor{}, errDescriptor
		}
		if err := out.add(rest[:size]); err != nil {
			return descriptor{}, err
		}
		rest = rest[size:]
	}
	return out, nil
}

// add reads an access control entry. Kinds that neither allow nor deny count for nothing.
func (d *descriptor) add(b []byte) error {
	kind, e := b[0], entry{inherit: b[1]&inheritOnly != 0}
	object := false
	switch kind {
	case typeAllow:
		e.allows = true
	case typeAllowObject:
		e.allows, object = true, true
	case typeDeny:
	case typeDenyObject:
		object = true
	case typeAllowCallback, typeDenyCallback, typeAllowCallbackObject, typeDenyCallbackObject:
		d.conditional = d.conditional || !e.inherit
		return nil
	default:
		return nil
	}
	b = b[entryHead:]
	if len(b) < entryMask {
		return errDescriptor
	}
	e.mask, b = binary.LittleEndian.Uint32(b), b[entryMask:]
	ok := true
	if object {
		e.object, b, ok = readObject(b)
	}
	if ok {
		e.who, ok = readSID(b)
	}
	if !ok {
		return errDescriptor
	}
	d.list = append(d.list, e)
	return nil
}

// readObject reads what an object entry is about, and returns what follows. The class to which it
// is handed down matters only where it is handed down (MS-DTYP section 2.4.4.3): for a person of
// another class it is marked as for what is below.
func readObject(b []byte) (about guid, rest []byte, ok bool) {
	const flagBytes, guidBytes = 4, 16
	if len(b) < flagBytes {
		return guid{}, nil, false
	}
	present := binary.LittleEndian.Uint32(b)
	b = b[flagBytes:]
	for _, one := range []uint32{objectPresent, inheritedPresent} {
		if present&one == 0 {
			continue
		}
		if len(b) < guidBytes {
			return guid{}, nil, false
		}
		if one == objectPresent {
			about = guid(b[:guidBytes])
		}
		b = b[guidBytes:]
	}
	return about, b, true
}
