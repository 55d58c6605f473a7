package diag

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
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
// asks it.
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
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// writeGitHub writes workflow commands; their escapes are those of GitHub's toolkit.
func (p Problems) writeGitHub(w io.Writer) error {
	message := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, one := range p {
		text := one.Message
		if one.Hint != "" {
			text += "\n" + one.Hint
		}
		_, err := fmt.Fprintf(w, "::error file=%s,line=%d,col=%d::%s\n",
			property.Replace(one.Position.File), one.Position.Line, one.Position.Column, message.Replace(text))
		if err != nil {
			return err
		}
	}
	return nil
}
