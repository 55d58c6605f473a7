package plan

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteText prints RPCs for people: what is called, what waits for what, and where each field comes from.
func WriteText(w io.Writer, rpcs []*RPC) error {
	for i, rpc := range rpcs {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := writeRPC(w, rpc); err != nil {
			return fmt.Errorf("write plan: %w", err)
		}
	}
	return nil
}

func writeRPC(w io.Writer, rpc *RPC) error {
	fmt.Fprintf(w, "%s  (%s)\n", rpc.Name(), rpc.At)
	fmt.Fprintf(w, "  at most %s%s\n", counted(rpc.MaxCalls(), "upstream call"), timeoutText(", timeout ", rpc.Timeout.String()))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(rpc.Calls) > 0 {
		fmt.Fprintln(table, "  calls:")
	}
	for _, call := range rpc.Calls {
		fmt.Fprintf(table, "    %s\t%s %s:%s\t%s\t\n", call.Name, call.Method, call.Upstream, call.Path.Names(), call.notes(rpc))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(table, "  response:")
	for _, source := range rpc.Sources {
		fmt.Fprintf(table, "    %s\t%s\t<- %s\t\n", source.Field, source.Type, source.From)
	}
	return table.Flush()
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

func timeoutText(prefix, timeout string) string {
	if timeout == "0s" {
		return ""
	}
	return prefix + timeout
}
