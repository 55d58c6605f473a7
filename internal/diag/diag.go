// Package diag is for telling authors what is wrong with their files: problems with a place, the source line, what is
// wrong and what to do about it. Only authors' mistakes are problems; everything else is an error.
package diag

import (
	"cmp"
	"fmt"
	"slices"
)

// Position is a place in an author's file. The zero Position means that there is no place to point at.
type Position struct {
	// File is the path as the author would write it, relative to the directory that was loaded.
	File string
	// Line and Column count from 1; a column is one byte. 0 means unknown.
	Line, Column int
}

// String is file:line:column, as far as it is known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Problem is one mistake of an author's.
type Problem struct {
	Position Position
	// Width is how many bytes from Position on are at fault, for the caret line. 0 counts as 1.
	Width int
	// Message says what is wrong: lower case, no full stop.
	Message string
	// Hint says what to do about it; may be empty.
	Hint string
}

// Problems is what a pass found. A nil Problems means that all is well.
type Problems []Problem

// Add appends a problem at a position, with a message as of [fmt.Sprintf] and no hint.
func (p *Problems) Add(at Position, width int, hint, format string, args ...any) {
	*p = append(*p, Problem{Position: at, Width: width, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// Sort orders problems by file, line and column, and keeps the order of those at one place.
func (p Problems) Sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Position.File, b.Position.File),
			cmp.Compare(a.Position.Line, b.Position.Line),
			cmp.Compare(a.Position.Column, b.Position.Column),
		)
	})
}

// Err is an *Error that holds the problems, or nil if there are none.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return &Error{Problems: p}
}

// Error is the error of an author's mistakes. Find it with [errors.As] to print its problems properly.
type Error struct {
	Problems Problems
}

// Error names the first problem and counts the others.
func (e *Error) Error() string {
	first := e.Problems[0]
	text := fmt.Sprintf("%s: %s", first.Position, first.Message)
	if more := len(e.Problems) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}
