package guess

import "slices"

// repeats finds parts that are one base again and again; the base is estimated like a password.
func (f *finder) repeats() {
	for from := 0; from < len(f.text); {
		i, short, long := repetition(f.text[from:])
		if short == 0 {
			return
		}
		i += from
		end := extent(f.text, i, short)
		if e := extent(f.text, i, long); e > end {
			end = e
			short = period(f.text[i:end])
		}
		base := guesses(f.text[i:i+short], f.known)
		f.add(i, end-1, base*float64((end-i)/short))
		from = end
	}
}

// repetition returns the first place where something is repeated at once, and the lengths of the
// shortest and the longest thing that is.
func repetition(text []rune) (at, short, long int) {
	for i := range text {
		for size := 1; i+2*size <= len(text); size++ {
			if slices.Equal(text[i:i+size], text[i+size:i+2*size]) {
				if short == 0 {
					short = size
				}
				long = size
			}
		}
		if short > 0 {
			return i, short, long
		}
	}
	return 0, 0, 0
}

// extent is where the repetition of size characters that begins at i ends.
func extent(text []rune, i, size int) int {
	end := i + size
	for end+size <= len(text) && slices.Equal(text[i:i+size], text[end:end+size]) {
		end += size
	}
	return end
}

// period is the length of the shortest base of which text is a whole number.
func period(text []rune) int {
	for size := 1; size < len(text); size++ {
		if len(text)%size == 0 && extent(text, 0, size) == len(text) {
			return size
		}
	}
	return len(text)
}

// sequences finds runs of characters at a constant distance, such as abcd, 7531.
func (f *finder) sequences() {
	const widest = 5
	n := len(f.text)
	if n < 2 {
		return
	}
	found := func(i, j int, delta rune) {
		size := max(delta, -delta)
		if (j-i > 1 || size == 1) && 0 < size && size <= widest {
			f.add(i, j, sequenceGuesses(f.text[i], j-i+1, delta > 0))
		}
	}
	i, last := 0, f.text[1]-f.text[0]
	for k := 2; k < n; k++ {
		delta := f.text[k] - f.text[k-1]
		if delta == last {
			continue
		}
		found(i, k-1, last)
		i, last = k-1, delta
	}
	found(i, n-1, last)
}

func sequenceGuesses(first rune, length int, ascending bool) float64 {
	base := 26.0
	switch {
	case slices.Contains([]rune("aAzZ019"), first):
		base = 4
	case '0' <= first && first <= '9':
		base = 10
	}
	if !ascending {
		base *= 2
	}
	return base * float64(length)
}
