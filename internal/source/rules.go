package source

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// checkRules checks the vocabulary's protovalidate rules.
func (d *decoder) checkRules(root *Node, message proto.Message) error {
	err := checkByRules(message)
	if err == nil {
		return nil
	}
	violated, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return fmt.Errorf("check rules of %s: %w", message.ProtoReflect().Descriptor().FullName(), err)
	}
	for _, violation := range violated.Violations {
		place := locate(root, message.ProtoReflect().Descriptor(), violation.Proto.GetField())
		if !d.isKnown(place) {
			d.reportRule(place, violation)
		}
	}
	return nil
}

// isKnown reports whether the value that broke a rule has a problem already, or is not known on this machine.
func (d *decoder) isKnown(place located) bool {
	for _, name := range place.absent {
		if d.tried[setting{place.node, name}] || place.node.field(name) != nil {
			return true
		}
	}
	if place.oneof != nil && d.tried[setting{place.node, ""}] {
		return true
	}
	return place.node.open || d.spoiled[place.node]
}

// reportRule turns a broken rule into a problem at the value, or at the key, that broke it.
func (d *decoder) reportRule(place located, violation *protovalidate.Violation) {
	switch {
	case violation.Proto.GetForKey():
		d.problems.Add(place.key.KeyAt, len(place.key.Key),
			"use lower-case letters, digits and underscores, and begin with a letter", "name %q is not allowed", place.key.Key)
	case place.oneof != nil:
		d.problems.Add(place.key.KeyAt, len(place.key.Key), "write one of "+strings.Join(fieldNames(place.oneof.Fields()), ", "),
			"%s: nothing says which %s", place.path, place.oneof.Name())
	default:
		at, width := place.mark()
		d.problems.Add(at, width, cmp.Or(place.node.originHint(), ruleHint(place.node, violation)), "%s: %s", place.path, plainWords(violation))
	}
}

// forms are the vocabulary's patterns in plain words.
var forms = map[string]string{
	"^([1-9][0-9]{0,8}(B|KiB|MiB|GiB))?$": "expected a size such as 512KiB or 4MiB",
	"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$":       "expected the name of a header, such as X-Api-Key",
	"^[a-z][a-z0-9_]*$":                   "expected a name of lower-case letters, digits and underscores",
	"^([a-z][a-z0-9_]*)?$":                "expected a name of lower-case letters, digits and underscores",
	"^([A-Z][A-Z0-9_]*)?$":                "expected a word in capitals, such as TEXT_TOO_LONG",
	"^sha256/[A-Za-z0-9+/]{43}=$":         "expected sha256/ and the hash of a public key in base64, 44 characters",
	"^(brackets|indexed|repeated)?$":      "expected brackets, indexed or repeated",
}

// plainWords is what protovalidate says, or what it means.
func plainWords(violation *protovalidate.Violation) string {
	switch violation.Proto.GetRuleId() {
	case "string.pattern":
		if form, known := forms[violation.RuleValue.String()]; known {
			return form
		}
	case "repeated.unique":
		return "an element is there twice"
	}
	return violation.Proto.GetMessage()
}

// located is where a field path leads to.
type located struct {
	path string
	// node is the value, or the last one on the way; key is the entry that holds it.
	node *Node
	key  Field
	// absent are the settings of which one would have to be in node; nil if the path leads to a value.
	absent []string
	// oneof is the oneof that the path ends in, or nil.
	oneof protoreflect.OneofDescriptor
}

// locate follows a field path such as upstreams["catalog"].base_url.
func locate(root *Node, message protoreflect.MessageDescriptor, path *validate.FieldPath) located {
	place := located{node: root, key: Field{KeyAt: root.Position}}
	for _, element := range path.GetElements() {
		name := protoreflect.Name(element.GetFieldName())
		if place.oneof = message.Oneofs().ByName(name); place.oneof != nil {
			place.absent = fieldNames(place.oneof.Fields())
			break
		}
		place.step(string(name))
		field := message.Fields().ByName(name)
		switch subscript := element.GetSubscript().(type) {
		case *validate.FieldPathElement_StringKey:
			place.step(subscript.StringKey)
			field = field.MapValue()
		case *validate.FieldPathElement_Index:
			place.item(int(subscript.Index))
		}
		if message = field.Message(); message == nil || place.absent != nil {
			break
		}
	}
	return place
}

// step goes on to a key; one that is not there is absent.
func (l *located) step(name string) {
	l.path = pathOf(l.path, name)
	at := slices.IndexFunc(l.node.Fields, func(field Field) bool { return field.Key == name })
	if at < 0 {
		l.absent = []string{name}
		return
	}
	l.key = l.node.Fields[at]
	l.node = l.key.Value
}

func (l *located) item(index int) {
	l.path += fmt.Sprintf("[%d]", index)
	if index < len(l.node.Items) {
		l.node = l.node.Items[index]
	}
}

// mark is what a problem at the place marks: the value; or, if it is about a setting that is absent from a map that begins
// below its key, the key.
func (l *located) mark() (diag.Position, int) {
	if l.absent != nil && l.key.KeyAt.Line != l.node.Position.Line {
		return l.key.KeyAt, len(l.key.Key)
	}
	return l.node.Position, l.node.width()
}
