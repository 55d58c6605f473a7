package policy

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
)

// node is a message type of a response, as far as something is hidden in it or below it.
type node struct {
	message protoreflect.FullName
	fields  map[protowire.Number]below
	names   map[string]protowire.Number
	// entry is set for the entries of a map.
	entry bool
	// embedded are the messages that a google.protobuf.Any may hold, by their names; nil for any other message.
	embedded map[protoreflect.FullName]*node
	// of is the message that a report of what is missing is about; nil if it is no such report.
	of *node
	// useful is set if the node is of use, and open if what that is may depend on an Any in it or below it.
	useful, open bool
}

// below is a field in or below which something is hidden.
type below struct {
	// rules are those that hide it.
	rules []int
	// node is its message type; nil if nothing below it is hidden. A field of another wire type than kind is an unknown one.
	node *node
	kind protowire.Type
	// list is set for a repeated field.
	list bool
}

// whole is set if the field has to come in one piece: the parts of an Any, or of what it is in, mean nothing each by itself.
func (b below) whole() bool { return !b.list && b.node.open }

// Numbers of fields.
const (
	mapValue protowire.Number = 2 // of an entry of a map
	anyType  protowire.Number = 1
	anyValue protowire.Number = 2
)

// maxNesting bounds how deep messages are nested, as Protobuf's own decoders do.
const maxNesting = 10_000

var (
	errWire   = errors.New("response is no message")
	errNested = errors.New("response is nested too deep")
	errParts  = errors.New("response has a google.protobuf.Any in parts") // Sheaf writes none
)

func (b below) hidden(by []bool) bool {
	return slices.ContainsFunc(b.rules, func(rule int) bool { return by[rule] })
}

// append appends a message without what is hidden in it.
func (n *node) append(dst, wire []byte, by []bool, depth int) ([]byte, error) {
	switch {
	case depth > maxNesting:
		return nil, errNested
	case n.of != nil:
		return n.appendReport(dst, wire, by)
	case n.embedded != nil:
		return n.appendAny(dst, wire, by, depth)
	default:
		return n.appendFields(dst, wire, by, depth)
	}
}

func (n *node) appendFields(dst, wire []byte, by []bool, depth int) ([]byte, error) {
	var seen []protowire.Number // of what has to be whole
	copied := 0
	for at := 0; at < len(wire); {
		number, kind, tag := protowire.ConsumeTag(wire[at:])
		if tag < 0 {
			return nil, errWire
		}
		size := protowire.ConsumeFieldValue(number, kind, wire[at+tag:])
		if size < 0 {
			return nil, errWire
		}
		value, end := at+tag, at+tag+size
		field, known := n.fields[number]
		switch {
		case known && field.hidden(by):
			dst = append(dst, wire[copied:at]...)
			copied = end
		case known && field.node != nil && kind == field.kind:
			if field.whole() {
				if slices.Contains(seen, number) {
					return nil, errParts
				}
				seen = append(seen, number)
			}
			var err error
			dst = append(dst, wire[copied:value]...)
			if dst, err = field.node.appendValue(dst, wire[value:end], valueOf{number, kind, by, depth + 1}); err != nil {
				return nil, err
			}
			copied = end
		}
		at = end
	}
	return append(dst, wire[copied:]...), nil
}

// valueOf says what a message is the value of.
type valueOf struct {
	number protowire.Number
	kind   protowire.Type
	by     []bool
	depth  int
}

// appendValue appends the value of a field, a message with its length before it or its end behind it.
func (n *node) appendValue(dst, value []byte, of valueOf) ([]byte, error) {
	if of.kind == protowire.StartGroupType {
		content, _ := protowire.ConsumeGroup(of.number, value)
		dst, err := n.append(dst, content, of.by, of.depth)
		return protowire.AppendTag(dst, of.number, protowire.EndGroupType), err
	}
	content, _ := protowire.ConsumeBytes(value)
	begin := len(dst)
	dst = protowire.AppendVarint(dst, uint64(len(content)))
	reserved := len(dst)
	dst, err := n.append(dst, content, of.by, of.depth)
	if err != nil {
		return nil, err
	}
	left := dst[reserved:] // as long as the content, or shorter; so is its length
	dst = protowire.AppendVarint(dst[:begin], uint64(len(left)))
	return append(dst, left...), nil
}

// appendAny appends a google.protobuf.Any without what is hidden in the message that it holds.
func (n *node) appendAny(dst, wire []byte, by []bool, depth int) ([]byte, error) {
	var name string
	for rest := wire; len(rest) > 0; {
		number, kind, size := protowire.ConsumeField(rest)
		if size < 0 {
			return nil, errWire
		}
		if number == anyType && kind == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(rest)
			url, _ := protowire.ConsumeBytes(rest[tag:])
			name = string(url[bytes.LastIndexByte(url, '/')+1:])
		}
		rest = rest[size:]
	}
	held := n.embedded[protoreflect.FullName(name)]
	if held == nil {
		return append(dst, wire...), nil
	}
	return (&node{fields: map[protowire.Number]below{anyValue: {node: held, kind: protowire.BytesType, list: true}}}).appendFields(dst, wire, by, depth)
}

// appendReport appends a report of what is missing, without the paths of hidden fields.
func (n *node) appendReport(dst, wire []byte, by []bool) ([]byte, error) {
	var report sheafv1.Partial
	if err := proto.Unmarshal(wire, &report); err != nil {
		return nil, fmt.Errorf("read the report of what is missing: %w", err)
	}
	n.of.report(&report, by)
	return proto.MarshalOptions{}.MarshalAppend(dst, &report)
}

// graph makes the nodes of message types, which may contain each other.
type graph struct {
	files *protoregistry.Files
	rules []FieldRule
	nodes map[protoreflect.FullName]*node
}

func (g *graph) node(message protoreflect.MessageDescriptor) *node {
	if known := g.nodes[message.FullName()]; known != nil {
		return known
	}
	made := &node{message: message.FullName(), fields: map[protowire.Number]below{}, names: map[string]protowire.Number{}, entry: message.IsMapEntry()}
	g.nodes[message.FullName()] = made
	if message.FullName() == "google.protobuf.Any" {
		g.embed(made)
		return made
	}
	for i := range message.Fields().Len() {
		descriptor := message.Fields().Get(i)
		field := below{rules: g.about(descriptor), kind: protowire.BytesType, list: descriptor.IsList() || descriptor.IsMap()}
		if descriptor.Kind() == protoreflect.GroupKind {
			field.kind = protowire.StartGroupType
		}
		switch under := descriptor.Message(); {
		case under == nil:
		case under.FullName() == (&sheafv1.Partial{}).ProtoReflect().Descriptor().FullName():
			field.node = &node{of: made}
		default:
			field.node = g.node(under)
		}
		made.fields[descriptor.Number()], made.names[string(descriptor.Name())] = field, descriptor.Number()
	}
	return made
}

// about are the rules about a field.
func (g *graph) about(field protoreflect.FieldDescriptor) []int {
	var about []int
	for i, rule := range g.rules {
		if slices.Contains(rule.Fields[field.ContainingMessage().FullName()], field.Number()) {
			about = append(about, i)
		}
	}
	return about
}

// embed makes the nodes of all messages that an Any may hold.
func (g *graph) embed(holder *node) {
	holder.embedded = map[protoreflect.FullName]*node{}
	var add func(protoreflect.MessageDescriptors)
	add = func(messages protoreflect.MessageDescriptors) {
		for i := range messages.Len() {
			holder.embedded[messages.Get(i).FullName()] = g.node(messages.Get(i))
			add(messages.Get(i).Messages())
		}
	}
	g.files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		add(file.Messages())
		return true
	})
}

// prune takes out what is of no use: in the end, a node has only fields in or below which something is hidden.
func (g *graph) prune() {
	for changed := true; changed; {
		changed = false
		for _, n := range g.nodes {
			if !n.useful && n.hasUse() {
				n.useful, changed = true, true
			}
			if !n.open && n.isOpen() {
				n.open, changed = true, true
			}
		}
	}
	for _, n := range g.nodes {
		n.prune()
	}
}

func (n *node) prune() {
	for number, field := range n.fields {
		if field.node != nil && !field.node.isOfUse() {
			field.node = nil
			n.fields[number] = field
		}
		if field.node == nil && field.rules == nil {
			delete(n.fields, number)
		}
	}
	for name, held := range n.embedded {
		if !held.useful {
			delete(n.embedded, name)
		}
	}
}

// isOfUse reports whether something is hidden in the message, or may be named in it that is.
func (n *node) isOfUse() bool { return n.useful || n.of != nil && n.of.useful }

// used are the rules about the message and what is below it, ascending.
func (n *node) used() []int {
	var used []int
	n.each(func(n *node) {
		for _, field := range n.fields {
			used = append(used, field.rules...)
		}
	})
	slices.Sort(used)
	return slices.Compact(used)
}

// each calls f for the message and for each that it can contain, once.
func (n *node) each(f func(*node)) {
	seen := map[*node]bool{nil: true}
	var visit func(*node)
	visit = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		f(n)
		for _, field := range n.fields {
			visit(field.node)
		}
		for _, held := range n.embedded {
			visit(held)
		}
	}
	visit(n)
}

// isOpen reports whether an Any in the message or below it may hold something that is hidden.
func (n *node) isOpen() bool {
	if n.embedded != nil {
		return n.useful
	}
	for _, field := range n.fields {
		if field.node != nil && field.node.open {
			return true
		}
	}
	return false
}

func (n *node) hasUse() bool {
	for _, field := range n.fields {
		if field.rules != nil || field.node != nil && field.node.useful {
			return true
		}
	}
	for _, held := range n.embedded {
		if held.useful {
			return true
		}
	}
	return false
}
