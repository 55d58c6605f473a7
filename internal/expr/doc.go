// Package expr is for what authors write where a value is taken from or sent: plain paths, CEL expressions, and texts with
// ${expression} holes. It compiles them against declared names and evaluates CEL over JSON without losing a digit. It
// knows neither where a name's value comes from nor where a result goes.
package expr

import "fmt"

// Error is a mistake in an expression or a text with holes.
type Error struct {
	// Offset is the first byte at fault and Width the number of bytes at fault (at least 1).
	Offset, Width int
	// Message says what is wrong and Hint what to do; Hint may be empty.
	Message, Hint string
}

// Error is the message with the hint, if there is one.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return fmt.Sprintf("%s (%s)", e.Message, e.Hint)
}

// shifted is a copy of e that counts from an outer text in which e's text begins at byte offset.
func (e *Error) shifted(offset int) *Error {
	moved := *e
	moved.Offset += offset
	return &moved
}
