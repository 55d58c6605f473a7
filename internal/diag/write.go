package diag

import (
	"fmt"
	"io"
)

// Format is a way to write problems.
type Format string

// The formats.
const (
	// Text is for people: the source line with a caret, and the hint.
	Text Format = "text"
	// JSON is one document, for programs.
	JSON Format = "json"
	// GitHub is annotations for GitHub Actions.
	GitHub Format = "github"
)

// Formats are all formats.
var Formats = []Format{Text, JSON, GitHub}

// Write writes problems in a format. read returns a file's content by the path that positions have, or nil; only Text
// asks it, and once for each file. Nothing that an author wrote can steer a terminal, in any format.
func (p Problems) Write(w io.Writer, format Format, read func(file string) []byte) error {
	var err error
	switch format {
	case JSON:
		err = p.writeJSON(w)
	case GitHub:
		err = p.writeGitHub(w)
	default:
		err = p.writeText(w, read)
	}
	if err != nil {
		return fmt.Errorf("write problems: %w", err)
	}
	return nil
}
