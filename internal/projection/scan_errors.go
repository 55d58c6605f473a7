package projection

import (
	"errors"
	"fmt"
)

// syntaxError says why and where a body is no JSON document. It quotes nothing of it.
type syntaxError struct {
	at  int
	err error
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%v at byte %d", e.err, e.at) }

func (e *syntaxError) Unwrap() error { return e.err }

var (
	errTruncated  = errors.New("unexpected end")
	errUnexpected = errors.New("unexpected character")
	errControl    = errors.New("control character in a string")
	errEscape     = errors.New("invalid escape")
	errUTF8       = errors.New("invalid UTF-8")
	errDuplicate  = errors.New("second member of the same name")
	errNesting    = fmt.Errorf("nested deeper than %d levels", maxNesting)
	errTrailing   = errors.New("more follows after the document")
)

// maxNesting bounds how deep a document is nested.
const maxNesting = 10_000
