// Package secret is for credentials: read from where their owner keeps them, and never printed.
package secret

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// maxSize bounds a secret in bytes.
const maxSize = 64 << 10

// Value is a secret. However it is printed, it prints as "[redacted]", or, in a field that fmt cannot reach, as an address.
type Value struct {
	text *string
}

// NewValue is a secret of this text.
func NewValue(text string) Value { return Value{text: &text} }

// Reveal is the secret itself, for the request that carries it.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// Equal reports whether both are the same secret.
func (v Value) Equal(other Value) bool { return v.Reveal() == other.Reveal() }

const redacted = "[redacted]"

// String implements fmt.Stringer.
func (Value) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Value) GoString() string { return redacted }

// Format implements fmt.Formatter, so that no verb prints the secret.
func (Value) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, redacted) }

// MarshalText implements encoding.TextMarshaler.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// FromEnv reads an environment variable through lookup.
func FromEnv(name string, lookup func(string) (string, bool)) (Value, error) {
	text, ok := lookup(name)
	if !ok {
		return Value{}, fmt.Errorf("read secret: environment variable %s is not set", name)
	}
	value, err := clean(text)
	if err != nil {
		return Value{}, fmt.Errorf("read secret: environment variable %s: %w", name, err)
	}
	return value, nil
}

// FromFile reads a file; white space around the secret does not count.
func FromFile(path string) (Value, error) {
	file, err := os.Open(path)
	if err != nil {
		return Value{}, fmt.Errorf("read secret: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return Value{}, fmt.Errorf("read secret: %w", err)
	}
	value, err := clean(string(content))
	if err != nil {
		return Value{}, fmt.Errorf("read secret: %s: %w", path, err)
	}
	return value, nil
}

// clean refuses what cannot be the value of a header.
func clean(text string) (Value, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return Value{}, errors.New("secret is empty")
	case len(text) > maxSize:
		return Value{}, errors.New("secret is larger than 64 KiB")
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return Value{}, errors.New("secret holds a line break or a control character")
		}
	}
	return NewValue(text), nil
}

var (
	_ fmt.Formatter          = Value{}
	_ encoding.TextMarshaler = Value{}
	_ slog.LogValuer         = Value{}
)
