package bff

import (
	"slices"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// secretReader reads the secrets of one part of a world, and remembers them.
type secretReader struct {
	settings *settings
	found    secrets
}

// secrets are those that a part of a world is made from.
type secrets []*secret.Source

// add notes a secret, or anything else, that holds until it is read anew.
func (s *secrets) add(value secret.Value) { *s = append(*s, secret.Fixed(value)) }

// hold reports whether a part that was made from these secrets does for others: those that are read again when they change are
// read now.
func (s secrets) hold(others secrets) bool {
	return slices.EqualFunc(s, others, func(mine, other *secret.Source) bool {
		mine.Refresh()
		return mine.Value().Equal(other.Value())
	})
}

// open reads a secret that is not an account's, and again when it changes, if it is in a file; nil for none.
func (r *secretReader) open(from plan.Secret) (*secret.Source, error) {
	switch {
	case from.Env != "":
		value, err := secret.FromEnv(from.Env, r.settings.lookupEnv)
		r.found.add(value)
		return secret.Fixed(value), err
	case from.File != "":
		source, err := secret.Watch(from.File, r.settings.logger)
		r.found = append(r.found, source)
		return source, err
	default:
		return nil, nil
	}
}

// read is a secret as it is now; the zero Value for none.
func (r *secretReader) read(from plan.Secret) (secret.Value, error) {
	source, err := (&secretReader{settings: r.settings}).open(from)
	r.found.add(source.Value())
	return source.Value(), err
}
