package lazyctx

import "context"

// WithValue is a context with a value, as context.WithValue makes it. Unlike that, it lets hooks see that parent is of this package.
func WithValue(parent context.Context, key, value any) context.Context {
	return &valued{Context: parent, key: key, value: value}
}

type valued struct {
	context.Context

	key, value any
}

// Value implements context.Context.
func (v *valued) Value(key any) any {
	if key == v.key {
		return v.value
	}
	return v.Context.Value(key)
}
