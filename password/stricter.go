package password

// Stricter returns the rules of two directories in which one password is set: whatever fits them
// fits both. What a directory does not enforce on a reset it does not ask of the other.
func (d Directory) Stricter(o Directory) Directory {
	d, o = d.enforced(), o.enforced()
	longest := max(d.MaxLength, o.MaxLength)
	if d.MaxLength > 0 && o.MaxLength > 0 {
		longest = min(d.MaxLength, o.MaxLength)
	}
	return Directory{
		MinLength: max(d.MinLength, o.MinLength), MinBytes: max(d.MinBytes, o.MinBytes), MaxLength: longest,
		History: max(d.History, o.History), MinAge: max(d.MinAge, o.MinAge),
		Complex: d.Complex || o.Complex, Enforced: d.Enforced || o.Enforced,
	}
}

// enforced returns d without what it only enforces on changes by the person.
func (d Directory) enforced() Directory {
	if !d.Enforced {
		d.History, d.MinAge = 0, 0
	}
	return d
}

// Possible reports whether any length fits: with the rules of several directories none may.
func (r Rules) Possible() bool { return r.min() <= r.max() }
