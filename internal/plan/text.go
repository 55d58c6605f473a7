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
	r.Access.write(text)
	var limits, routes, calls, response strings.Builder
	for _, limit := range r.Limits {
		fmt.Fprintf(&limits, "    %s\t%s\t%s\n", limit.Name, limit.quantity(), limit.notes())
	}
	for _, route := range r.Routes {
		fmt.Fprintf(&routes, "    %s\t%s\n", route.Name, route.notes())
	}
	for _, call := range r.Calls {
		fmt.Fprintf(&calls, "    %s\t%s\t%s\n", call.Name, call.target(), call.notes(r))
	}
	for _, source := range r.Sources {
		fmt.Fprintf(&response, "    %s\t%s\t<- %s\n", source.Field, source.Type, source.From)
	}
	writeTable(text, "  limits:\n", limits.String())
	writeTable(text, "  routes:\n", routes.String())
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
	if c.Request != nil && len(c.Request.AbsentOn) > 0 {
		notes = append(notes, "absent on "+strings.Trim(fmt.Sprint(c.Request.AbsentOn), "[]"))
	}
	return strings.Join(append(notes, c.moreNotes()...), "; ")
}

// moreNotes are how often and under which conditions a call is made.
func (c *Call) moreNotes() []string {
	var notes []string
	if c.When != nil {
		notes = append(notes, "when "+c.When.String())
	}
	switch each := c.Each; {
	case each == nil:
	case each.Batch > 0:
		notes = append(notes, fmt.Sprintf("for chunks of %d in %s, at most %s", each.Batch, each.Loop.In, counted(each.Max, "element")))
	default:
		notes = append(notes, fmt.Sprintf("for each in %s, at most %d", each.Loop.In, each.Max))
	}
	if c.Poll != nil {
		notes = append(notes, fmt.Sprintf("until %s, at most %d times", c.Poll.Done, c.Poll.Max))
	}
	if c.Retry != nil {
		notes = append(notes, fmt.Sprintf("at most %d times on %s", c.Retry.Max, joinReasons(c.Retry.On)))
	}
	if c.Tries > 1 {
		notes = append(notes, fmt.Sprintf("each up to %d times, if the upstream fails or is slow", c.Tries))
	}
	if c.Commit {
		notes = append(notes, "commit point")
	}
	return notes
}

func joinReasons(reasons []Reason) string {
	names := make([]string, len(reasons))
	for i, reason := range reasons {
		names[i] = string(reason)
	}
	return strings.Join(names, ", ")
}

// target is what a call reaches, for people.
func (c *Call) target() string {
	switch {
	case c.Request != nil:
		return c.Request.Method + " " + c.Request.Upstream + ":" + c.Request.Path.Names()
	case c.Callee.Method == nil:
		return "function " + c.Callee.Function
	case c.Callee.From != nil:
		return "RPC " + c.Upstream() + " by " + c.Callee.From.String()
	case c.Callee.Otherwise != "":
		return "RPC " + c.Callee.Otherwise + ":" + c.Upstream()
	default:
		return "RPC " + c.Upstream()
	}
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
