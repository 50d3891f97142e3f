package method

import (
	"errors"
	"strings"
	"testing"

	"postern/secret"
)

func TestTyped(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"123456", "123456"},
		{" 123 456\n", "123456"},
		{"123-456", "123456"},
		{"123\u2011456", "123456"},
		{"\u200b12\u00a03\u2013456", "123456"},
		{"12a456", "12a456"},
	} {
		got, err := Answer{Code: secret.New(c.in)}.Typed()
		if err != nil || got != c.want {
			t.Errorf("%q: got %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{"", "   ", "--", strings.Repeat("1", 65)} {
		if _, err := (Answer{Code: secret.New(in)}).Typed(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %v, want ErrMalformed", in, err)
		}
	}
}

func FuzzTyped(f *testing.F) {
	f.Add("12 34-56")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := Answer{Code: secret.New(in)}.Typed()
		if err == nil && (got == "" || strings.ContainsAny(got, " -\t\n")) {
			t.Fatalf("%q became %q", in, got)
		}
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("%q: %v is not ErrMalformed", in, err)
		}
	})
}
