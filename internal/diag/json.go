package diag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
)

// writeJSON writes {"problems": [...]}; what is not known of a problem is left out.
func (p Problems) writeJSON(w io.Writer) error {
	type problem struct {
		File    string `json:"file"`
		Line    int    `json:"line,omitempty"`
		Column  int    `json:"column,omitempty"`
		Width   int    `json:"width,omitempty"`
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
	}
	document := struct {
		Problems []problem `json:"problems"`
	}{Problems: []problem{}}
	for _, one := range p {
		document.Problems = append(document.Problems, problem{
			one.Position.File, one.Position.Line, one.Position.Column, one.Width, one.Message, one.Hint,
		})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return err
	}
	_, err := w.Write(escapeSteering(text.Bytes()))
	return err
}

// escapeSteering writes the characters that could steer a terminal, and that JSON lets pass, as JSON's escapes. They stand
// in strings only, so the document stays the same.
func escapeSteering(document []byte) []byte {
	escaped := make([]byte, 0, len(document))
	for _, r := range string(document) {
		switch {
		case r == '\n' || !steers(r):
			escaped = append(escaped, string(r)...)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			escaped = fmt.Appendf(escaped, `\u%04x\u%04x`, high, low)
		default:
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		}
	}
	return escaped
}
