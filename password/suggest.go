package password

import (
	"slices"
	"strings"

	"postern/secret"
)

// The letters of suggested words: consonant, vowel, consonant, vowel, ending. They stand at the
// same place on most keyboards (y and z do not) or are left out because words that nobody wants
// to be given are made of them (f, g, p at the beginning).
const (
	consonants = "bdhjklmnrstvw"
	vowels     = "aeiou"
	endings    = "bdklmprt"
)

// suggestedWords is how many of them make a passphrase.
const suggestedWords = 4

// unsuggested are words that can be made of the letters and are better not suggested.
var unsuggested = []string{"bosom", "devil", "hated", "jihad", "naked", "tumor"}

// Suggest makes a passphrase such as "bakul-tored-nimat-lesop" that r accepts. index returns a
// uniformly random number from 0 to n-1. A passphrase has 33,794 to the power of four equally
// likely values, 60.2 bits, and 15 bits more for each further word that a long minimum demands;
// a directory that demands several kinds of characters gets capital letters. The empty secret
// stands for none: the greatest length leaves no room, or a rule refuses every try.
func (r Rules) Suggest(index func(n int) int) secret.Text {
	const tries = 5
	for range tries {
		s := r.suggestion(index)
		if _, against := r.Check(s); len(against) == 0 {
			return s
		}
	}
	return secret.Text{}
}

func (r Rules) suggestion(index func(n int) int) secret.Text {
	least := min(r.min(), mostBytes)
	var b strings.Builder
	for n := 0; n < suggestedWords || b.Len() < least; n++ {
		if n > 0 {
			b.WriteByte('-')
		}
		w := word(index(wordCount()))
		if r.Directory.Complex {
			w = strings.ToUpper(w[:1]) + w[1:]
		}
		b.WriteString(w)
	}
	return secret.New(b.String())
}

// letters are what each place of a word is chosen from.
var letters = [...]string{consonants, vowels, consonants, vowels, endings}

// wordCount is how many words there are to choose from.
func wordCount() int {
	n := 1
	for _, set := range letters {
		n *= len(set)
	}
	return n - len(unsuggested)
}

// word returns the i-th word, in the order of the letters, passing over those not suggested.
func word(i int) string {
	for _, w := range unsuggested { // in that order, too
		if at := indexOf(w); i >= at {
			i++
		}
	}
	out := make([]byte, len(letters))
	for k, set := range slices.Backward(letters[:]) {
		out[k] = set[i%len(set)]
		i /= len(set)
	}
	return string(out)
}

// indexOf is the place of w among all words, those not suggested too.
func indexOf(w string) int {
	i := 0
	for k, set := range letters {
		i = i*len(set) + strings.IndexByte(set, w[k])
	}
	return i
}
