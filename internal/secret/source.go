package secret

import (
	"log/slog"

	"github.com/sheaf-rpc/sheaf/internal/livefile"
)

// Source gives a secret as it is now. The nil Source gives none. It is safe for concurrent use.
type Source struct {
	fixed Value
	file  *livefile.Value[Value] // nil for a secret that does not change
}

// Fixed is a source of a secret that does not change.
func Fixed(value Value) *Source { return &Source{fixed: value} }

// Watch is a source that reads a file now, and again when it has changed. A file that cannot be read any more, or holds no
// secret, changes nothing but the log: the last good secret stays.
func Watch(path string, logger *slog.Logger) (*Source, error) {
	file, err := livefile.Open(livefile.Config[Value]{
		What: "secret", Paths: []string{path}, Read: func() (Value, error) { return FromFile(path) }, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	return &Source{file: file}, nil
}

// Value is the secret. It never waits: a file is looked at behind the calls, at most once in a second, and what is new in it
// is given from then on.
func (s *Source) Value() Value {
	switch {
	case s == nil:
		return Value{}
	case s.file != nil:
		return s.file.Known()
	default:
		return s.fixed
	}
}

// Refresh looks at the file now.
func (s *Source) Refresh() {
	if s != nil && s.file != nil {
		_ = s.file.Refresh() // it is logged
	}
}

// IsZero reports whether there is no secret.
func (s *Source) IsZero() bool { return s == nil }
