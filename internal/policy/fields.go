package policy

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// FieldRule hides fields of responses from callers that do not fulfil a condition.
type FieldRule struct {
	Name string
	// Fields are by the full name of the message that has them.
	Fields map[protoreflect.FullName][]protoreflect.FieldNumber
	// Allow is the condition; it sees no request.
	Allow *expr.Program
}

// FieldFilter takes fields out of the responses of one RPC. It is compiled once, and is safe for concurrent use.
type FieldFilter struct {
	rules []FieldRule
	// used are those about what the response can contain.
	used []int
	root *node
}

// NewFieldFilter is the filter of a response of this type; nil if no rule is about anything that such a response can contain, be it in a
// google.protobuf.Any with a message of these files.
func NewFieldFilter(response protoreflect.MessageDescriptor, files *protoregistry.Files, rules []FieldRule) *FieldFilter {
	g := &graph{files: files, rules: rules, nodes: map[protoreflect.FullName]*node{}}
	root := g.node(response)
	g.prune()
	if !root.useful {
		return nil
	}
	return &FieldFilter{rules: rules, used: root.used(), root: root}
}

// Hiding is what is hidden from one caller.
type Hiding struct {
	root *node
	// by says which rules hide what they are about.
	by []bool
}

// Hiding is what the rules hide from the caller; nil for nothing. A condition that cannot be evaluated is not fulfilled.
func (f *FieldFilter) Hiding(ctx context.Context, call *Call, facts *Facts) *Hiding {
	var hiding *Hiding
	for _, i := range f.used {
		rule := f.rules[i]
		fulfilled, err := holds(ctx, rule.Allow, facts)
		if fulfilled {
			continue
		}
		if hiding == nil {
			hiding = &Hiding{root: f.root, by: make([]bool, len(f.rules))}
		}
		hiding.by[i] = true
		reason := "its condition does not hold"
		if err != nil {
			reason = "its condition cannot be evaluated: " + err.Error()
		}
		call.Decide(Hide, rule.Name, reason)
	}
	return hiding
}

// Message is a response without what is hidden, in wire bytes. What it is made of stays as it is.
func (h *Hiding) Message(wire []byte) ([]byte, error) {
	return h.root.append(make([]byte, 0, len(wire)), wire, h.by, 0)
}

// Partial takes hidden fields out of the report on a response, and reports whether the caller may see the report at all.
func (h *Hiding) Partial(report *sheafv1.Partial) bool {
	h.root.report(report, h.by)
	return !h.root.hidesReport(h.by)
}

// Fields are those that are hidden, as MESSAGE.FIELD, sorted; none on a nil Hiding.
func (h *Hiding) Fields() []string {
	if h == nil {
		return nil
	}
	var hidden []string
	h.root.each(func(n *node) {
		for name, number := range n.names {
			if n.fields[number].hidden(h.by) {
				hidden = append(hidden, string(n.message)+"."+name)
			}
		}
	})
	slices.Sort(hidden)
	return hidden
}

// report takes the paths of hidden fields out of a report on a message.
func (n *node) report(report *sheafv1.Partial, by []bool) {
	for _, missing := range report.GetMissingCalls() {
		missing.Fields = n.shown(missing.GetFields(), by)
	}
	for _, stale := range report.GetStaleCalls() {
		stale.Fields = n.shown(stale.GetFields(), by)
	}
	kept := report.GetDrifts()[:0]
	for _, drift := range report.GetDrifts() {
		if !n.hides(drift.GetField(), by) {
			kept = append(kept, drift)
		}
	}
	report.Drifts = kept
}

// hidesReport reports whether the field for the report of what is missing is hidden.
func (n *node) hidesReport(by []bool) bool {
	for _, field := range n.fields {
		if field.node != nil && field.node.of == n && field.hidden(by) {
			return true
		}
	}
	return false
}

func (n *node) shown(paths []string, by []bool) []string {
	var kept []string
	for _, path := range paths {
		if !n.hides(path, by) {
			kept = append(kept, path)
		}
	}
	return kept
}

// hides reports whether a path, such as reviews[3].author, leads to a hidden field, or through one.
func (n *node) hides(path string, by []bool) bool {
	for n != nil && path != "" {
		end := strings.IndexAny(path+".", ".[")
		below, known := n.fields[n.names[path[:end]]]
		if !known {
			return false
		}
		if below.hidden(by) {
			return true
		}
		path, n = path[end:], below.node
		if strings.HasPrefix(path, "[") {
			_, path, _ = strings.Cut(path, "]")
		}
		if n != nil && n.entry {
			n = n.fields[mapValue].node
		}
		path = strings.TrimPrefix(path, ".")
	}
	return false
}
