package mutationtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mutations are what can become of a value.
var mutations = map[string]func(value any) any{
	"removed": func(any) any { return removed{} },
	"renamed": func(value any) any { return renamed{value} },
	"null":    func(any) any { return nil },
	"text":    func(any) any { return "another text" },
	"long":    func(any) any { return strings.Repeat("long ", 20_000) },
	"number":  func(any) any { return json.Number("-7.25") },
	"huge":    func(any) any { return json.Number("1e400") },
	"big":     func(any) any { return json.Number("98765432109876543210987654321") },
	"bool":    func(value any) any { return value != true },
	"list":    func(value any) any { return []any{value} },
	"object":  func(value any) any { return map[string]any{"value": value} },
}

type (
	removed struct{}
	renamed struct{ value any }
)

// place is a value in a document; change gives a copy of the document with another value there.
type place struct {
	path   string
	value  any
	change func(to any) any
}

// places calls f for every place in a document.
func places(document any, path string, rebuild func(any) any, f func(place)) {
	f(place{path, document, rebuild})
	switch value := document.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			places(value[key], path+"."+key, func(to any) any { return rebuild(withMember(value, key, to)) }, f)
		}
	case []any:
		for i, element := range value {
			places(element, fmt.Sprintf("%s[%d]", path, i), func(to any) any { return rebuild(withElement(value, i, to)) }, f)
		}
	}
}

func withMember(object map[string]any, key string, to any) any {
	copied := maps.Clone(object)
	delete(copied, key)
	switch to := to.(type) {
	case removed:
	case renamed:
		copied["other_"+key] = to.value
	default:
		copied[key] = to
	}
	return copied
}

// withElement replaces an element; one that is renamed, which it cannot be, stays.
func withElement(list []any, i int, to any) any {
	copied := slices.Clone(list)
	switch to := to.(type) {
	case removed:
		return slices.Delete(copied, i, i+1)
	case renamed:
		return copied
	default:
		copied[i] = to
		return copied
	}
}
