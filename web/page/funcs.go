package page

import (
	"encoding/json"
	"fmt"
	"html/template"

	"postern/policy"
)

// functions are what templates may call, bound to one language.
func (r *Renderer) functions(language string) template.FuncMap {
	return template.FuncMap{
		"t": func(key string, pairs ...any) (string, error) {
			if !r.texts.Has(key) {
				return "", fmt.Errorf("no text %q", key)
			}
			params, err := paired(pairs)
			if err != nil {
				return "", fmt.Errorf("text %q: %w", key, err)
			}
			return r.texts.Text(language, key, params), nil
		},
		"has":       r.texts.Has,
		"asset":     r.static.URL,
		"brand":     func() Brand { return r.brand },
		"languages": r.texts.Languages,
		"methodIcon": func(f policy.Factor) template.HTML {
			return r.icons[f]
		},
		"methodScript": func(f policy.Factor) string { return r.scripts[f] },
		"logo":         func() (string, error) { return r.static.URL(r.brand.logoName()) },
		"dict":         paired,
		"json": func(v any) (string, error) {
			b, err := json.Marshal(v)
			return string(b), err
		},
	}
}

// paired makes params of "name", value, "name", value.
func paired(pairs []any) (map[string]any, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	if m, ok := pairs[0].(map[string]any); ok && len(pairs) == 1 {
		return m, nil
	}
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("%d arguments are no pairs", len(pairs))
	}
	out := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("%v is no name", pairs[i])
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}
