package diag

import (
	"fmt"
	"io"
	"strings"
)

// writeGitHub writes a workflow command for each problem, which GitHub shows beside the line. A command is one line: its
// message and its properties have escapes of their own.
func (p Problems) writeGitHub(w io.Writer) error {
	message := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, one := range p {
		text := one.Message
		if one.Hint != "" {
			text += "\n" + one.Hint
		}
		place := "file=" + property.Replace(one.Position.File)
		if one.Position.Line > 0 {
			place += fmt.Sprintf(",line=%d", one.Position.Line)
		}
		if one.Position.Column > 0 {
			place += fmt.Sprintf(",col=%d", one.Position.Column)
		}
		if _, err := fmt.Fprintf(w, "::error %s::%s\n", printable(place), printable(message.Replace(text))); err != nil {
			return err
		}
	}
	return nil
}
