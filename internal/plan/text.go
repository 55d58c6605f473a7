package plan

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteText prints RPCs for people: what is called, what waits for what, and where each field comes from.
func WriteText(w io.Writer, rpcs []*RPC) error {
	var text strings.Builder
	for i, rpc := range rpcs {
		if i > 0 {
			text.WriteByte('\n')
		}
		rpc.writeText(&text)
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

func (r *RPC) writeText(text *strings.Builder) {
	fmt.Fprintf(text, "%s  (%s)\n  at most %s", r.Name(), r.At, counted(r.MaxCalls(), "upstream call"))
	if r.Timeout > 0 {
		fmt.Fprintf(text, ", timeout %s", r.Timeout)
	}
	text.WriteByte('\n')
	var calls, response strings.Builder
	for _, call := range r.Calls {
		fmt.Fprintf(&calls, "    %s\t%s %s:%s\t%s\n", call.Name, call.Method, call.Upstream, call.Path.Names(), call.notes(r))
	}
	for _, source := range r.Sources {
		fmt.Fprintf(&response, "    %s\t%s\t<- %s\n", source.Field, source.Type, source.From)
	}
	writeTable(text, "  calls:\n", calls.String())
	writeTable(text, "  response:\n", response.String())
}

// writeTable writes lines whose cells end with tabs in columns, below a title; nothing if there are none.
func writeTable(text *strings.Builder, title, lines string) {
	if lines == "" {
		return
	}
	text.WriteString(title)
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	_, _ = io.WriteString(table, lines) // a strings.Builder takes everything
	_ = table.Flush()
}

// notes are a call's properties in a fixed order.
func (c *Call) notes(rpc *RPC) string {
	notes := []string{"required"}
	if c.Optional {
		notes[0] = "optional"
	}
	if len(c.Needs) > 0 {
		notes = append(notes, "after "+strings.Join(rpc.callNames(c.Needs), ", "))
	}
	if c.Timeout > 0 {
		notes = append(notes, "timeout "+c.Timeout.String())
	}
	if len(c.AbsentOn) > 0 {
		notes = append(notes, "absent on "+strings.Trim(fmt.Sprint(c.AbsentOn), "[]"))
	}
	return strings.Join(notes, "; ")
}

func (r *RPC) callNames(indices []int) []string {
	names := make([]string, len(indices))
	for i, index := range indices {
		names[i] = r.Calls[index].Name
	}
	return names
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
