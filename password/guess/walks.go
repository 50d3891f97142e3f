package guess

import "math"

// place is where a key is: column, row, and whether shift is held.
type place struct {
	x, y  int
	shift bool
}

// keyboard is a layout on which fingers walk.
type keyboard struct {
	keys       map[rune]place
	neighbours [][2]int
	pad        bool
}

// Neighbours of a key: on a keyboard rows are shifted by half a key, on a pad they are not.
var (
	slanted  = [][2]int{{-1, 0}, {0, -1}, {1, -1}, {1, 0}, {0, 1}, {-1, 1}}
	straight = [][2]int{{-1, 0}, {-1, -1}, {0, -1}, {1, -1}, {1, 0}, {1, 1}, {0, 1}, {-1, 1}}
)

// The layouts. Those of German and French keyboards have only the keys that differ in place.
var keyboards = []keyboard{
	typing([4][2]string{
		{"`1234567890-=", "~!@#$%^&*()_+"},
		{`qwertyuiop[]\`, `QWERTYUIOP{}|`},
		{"asdfghjkl;'", `ASDFGHJKL:"`},
		{"zxcvbnm,./", "ZXCVBNM<>?"},
	}),
	typing([4][2]string{
		{"`1234567890[]", "~!@#$%^&*(){}"},
		{`',.pyfgcrl/=\`, `"<>PYFGCRL?+|`},
		{"aoeuidhtns-", "AOEUIDHTNS_"},
		{";qjkxbmwvz", ":QJKXBMWVZ"},
	}),
	typing([4][2]string{
		{"^1234567890ß´", "°!\"§$%&/()=?`"},
		{"qwertzuiopü+", "QWERTZUIOPÜ*"},
		{"asdfghjklöä#", "ASDFGHJKLÖÄ'"},
		{"yxcvbnm,.-", "YXCVBNM;:_"},
	}),
	typing([4][2]string{
		{"²&é\"'(-è_çà)=", " 1234567890°+"},
		{"azertyuiop^$", "AZERTYUIOP¨£"},
		{"qsdfghjklmù*", "QSDFGHJKLM%µ"},
		{"wxcvbn,;:!", "WXCVBN?./§"},
	}),
	pad("\x00/*-", "789+", "456", "123", "\x000."),
	pad("\x00=/*", "789-", "456+", "123", "\x000."),
}

// typing makes a keyboard from its rows, without and with shift.
func typing(rows [4][2]string) keyboard {
	k := keyboard{keys: map[rune]place{}, neighbours: slanted}
	for y, row := range rows {
		for s, keys := range row {
			for x, r := range []rune(keys) {
				if r != ' ' {
					k.keys[r] = place{x + min(y, 1), y, s == 1}
				}
			}
		}
	}
	return k
}

func pad(rows ...string) keyboard {
	k := keyboard{keys: map[rune]place{}, neighbours: straight, pad: true}
	for y, row := range rows {
		for x, r := range row {
			if r != 0 {
				k.keys[r] = place{x, y, false}
			}
		}
	}
	return k
}

// step returns the direction from one character's key to the next one's: -1 when they are no
// neighbours.
func (k keyboard) step(from, to rune) (direction int, shift bool) {
	a, ok := k.keys[from]
	b, found := k.keys[to]
	if !ok || !found {
		return -1, false
	}
	for d, n := range k.neighbours {
		if b.x-a.x == n[0] && b.y-a.y == n[1] {
			return d, b.shift
		}
	}
	return -1, false
}

// walks finds runs of at least three neighbouring keys.
func (f *finder) walks() {
	for _, k := range keyboards {
		for i := 0; i < len(f.text)-1; {
			j, turns, shifted, last := i+1, 0, 0, -1
			if k.keys[f.text[i]].shift {
				shifted = 1
			}
			for ; j < len(f.text); j++ {
				d, shift := k.step(f.text[j-1], f.text[j])
				if d < 0 {
					break
				}
				if d != last {
					turns, last = turns+1, d
				}
				if shift {
					shifted++
				}
			}
			if j-i > 2 {
				f.add(i, j-1, k.guesses(j-i, turns, shifted))
			}
			i = j
		}
	}
}

// guesses counts the walks of up to length keys with up to turns turns. The numbers of keys to
// begin with and of neighbours are those of the US keyboard and of the pad with fifteen keys.
func (k keyboard) guesses(length, turns, shifted int) float64 {
	begins, degree := 94.0, 432.0/94
	if k.pad {
		begins, degree = 15, 76.0/15
	}
	sum := 0.0
	for i := 2; i <= length; i++ {
		for j := 1; j <= min(turns, i-1); j++ {
			sum += choose(i-1, j-1) * begins * math.Pow(degree, float64(j))
		}
	}
	switch {
	case shifted == 0:
		return sum
	case shifted == length:
		return 2 * sum
	}
	return sum * mixtures(shifted, length-shifted)
}
