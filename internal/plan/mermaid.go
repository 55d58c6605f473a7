package plan

import (
	"fmt"
	"io"
	"strings"
)

// WriteMermaid prints RPCs as one Mermaid flowchart each, apart by an empty line: a node for each call, an arrow for each
// wait, a dashed border for what is optional.
func WriteMermaid(w io.Writer, rpcs []*RPC) error {
	var text strings.Builder
	for i, rpc := range rpcs {
		if i > 0 {
			text.WriteByte('\n')
		}
		rpc.writeMermaid(&text)
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

func (r *RPC) writeMermaid(text *strings.Builder) {
	text.WriteString("flowchart LR\n")
	fmt.Fprintf(text, "  request([%s])\n", quoted(r.Name()))
	for i, call := range r.Calls {
		label := call.Name + "\n" + call.target()
		fmt.Fprintf(text, "  c%d[%s]\n", i, quoted(label))
	}
	text.WriteString("  response([response])\n")
	for i, call := range r.Calls {
		for _, need := range call.Needs {
			fmt.Fprintf(text, "  c%d --> c%d\n", need, i)
		}
		if len(call.Needs) == 0 {
			fmt.Fprintf(text, "  request --> c%d\n", i)
		}
		if len(call.Fields) > 0 || len(call.NeededBy) == 0 {
			fmt.Fprintf(text, "  c%d --> response\n", i)
		}
		if call.Optional {
			fmt.Fprintf(text, "  style c%d stroke-dasharray: 5 5\n", i)
		}
	}
	if len(r.Calls) == 0 {
		text.WriteString("  request --> response\n")
	}
}

// quoted is a Mermaid label: in quotes, with entities for what would end it and <br/> for a line break.
func quoted(label string) string {
	replacer := strings.NewReplacer(`"`, "#quot;", "<", "#lt;", ">", "#gt;", "\n", "<br/>")
	return `"` + replacer.Replace(label) + `"`
}
