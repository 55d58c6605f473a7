package plan

import (
	"reflect"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// Same reports whether a client of one upstream does for the other: all settings but the error rules, which the client does
// not know, are equal. Where they stand in the files does not count.
func (u *Upstream) Same(other *Upstream) bool {
	one, two := *u, *other
	one.Errors, one.Answer, two.Errors, two.Answer = nil, nil, nil, nil
	return same(reflect.ValueOf(one), reflect.ValueOf(two))
}

// UsesAccounts reports whether calls depend on the account that they are made for.
func (u *Upstream) UsesAccounts() bool {
	return u.Refresh != nil || strings.Contains(u.BaseURL, accountHole) || u.Credential.usesAccount()
}

// Same reports whether one Redis does for the other: all settings are equal. Either may be nil.
func (r *Redis) Same(other *Redis) bool { return same(reflect.ValueOf(r), reflect.ValueOf(other)) }

// Same reports whether both are the same place. Either may be nil.
func (r *Renewed) Same(other *Renewed) bool { return same(reflect.ValueOf(r), reflect.ValueOf(other)) }

// Same reports whether one provider does for the other. Neither may be nil.
func (i *IdentityProvider) Same(other *IdentityProvider) bool {
	return same(reflect.ValueOf(i), reflect.ValueOf(other))
}

var position = reflect.TypeFor[diag.Position]() //nolint:gochecknoglobals // a constant, but for the language

// same compares two values of one type, as reflect.DeepEqual does, but for positions. Nil and empty are one.
func same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return a.Elem().Type() == b.Elem().Type() && same(a.Elem(), b.Elem())
	case reflect.Struct:
		return a.Type() == position || sameParts(a.NumField(), a.Field, b.Field)
	case reflect.Slice:
		return a.Len() == b.Len() && sameParts(a.Len(), a.Index, b.Index)
	case reflect.Map:
		for _, key := range a.MapKeys() {
			if other := b.MapIndex(key); !other.IsValid() || !same(a.MapIndex(key), other) {
				return false
			}
		}
		return a.Len() == b.Len()
	default:
		return a.Equal(b)
	}
}

func sameParts(n int, a, b func(int) reflect.Value) bool {
	for i := range n {
		if !same(a(i), b(i)) {
			return false
		}
	}
	return true
}
