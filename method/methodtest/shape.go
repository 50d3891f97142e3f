package methodtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/method"
)

// shape writes what an outsider sees of a question, with every string as its length.
func shape(t *testing.T, q method.Question) string {
	t.Helper()
	raw, err := json.Marshal(q.Public)
	if err != nil {
		t.Fatalf("public part: %v", err)
	}
	var public any
	if err := json.Unmarshal(raw, &public); err != nil {
		t.Fatalf("public part: %v", err)
	}
	var b strings.Builder
	mask(&b, public)
	fmt.Fprintf(&b, " expires %v once %v", q.Expires, q.Once)
	for _, d := range q.Deliver {
		var names []string
		for name, value := range d.Params {
			names = append(names, fmt.Sprintf("%s:%d", name, len(value)))
		}
		slices.Sort(names)
		fmt.Fprintf(&b, "\nto %s %s %v %s %v", d.To.Kind, d.Key, names, d.Channel, d.Expires)
	}
	return b.String()
}

func mask(b *strings.Builder, v any) {
	switch v := v.(type) {
	case map[string]any:
		var keys []string
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b.WriteByte('{')
		for _, k := range keys {
			fmt.Fprintf(b, "%s:", k)
			mask(b, v[k])
			b.WriteByte(' ')
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for _, e := range v {
			mask(b, e)
			b.WriteByte(' ')
		}
		b.WriteByte(']')
	case string:
		fmt.Fprintf(b, "text(%d)", len(v))
	default:
		fmt.Fprint(b, v)
	}
}
