package expr

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// chain is a name with the fields selected from it, such as caller.claims.team.
type chain struct {
	adapter adapter
	root    string
	fields  []field
}

// field is the name of a field, and the same as a value of CEL, made once.
type field struct {
	name string
	key  ref.Val
}

func (d direct) fieldOf(selected ast.SelectExpr) field {
	return field{selected.FieldName(), types.String(selected.FieldName())}
}

// chain is nil for an expression that is none. What the checker has found to be one name, such as that of an enum's value, is none.
func (d direct) chain(e ast.Expr) *chain {
	found := &chain{adapter: d.adapter}
	for ; e.Kind() == ast.SelectKind; e = e.AsSelect().Operand() {
		if _, isName := d.checked.ReferenceMap()[e.ID()]; isName || e.AsSelect().IsTestOnly() {
			return nil
		}
		found.fields = append(found.fields, d.fieldOf(e.AsSelect()))
	}
	if reference := d.checked.ReferenceMap()[e.ID()]; e.Kind() != ast.IdentKind || reference == nil || reference.Value != nil {
		return nil
	}
	slices.Reverse(found.fields)
	found.root = e.AsIdent()
	return found
}

// text is the text that the chain leads to; false if it leads to something else, or nowhere.
func (c *chain) text(names Activation) (string, bool) {
	root, ok := names.Resolve(c.root)
	if !ok {
		return "", false
	}
	switch root := root.(type) {
	case *JSON, Parts:
		text, isText := c.below(root).(types.String)
		return string(text), isText
	case string:
		return root, len(c.fields) == 0
	case map[string]string:
		if len(c.fields) != 1 {
			return "", false
		}
		text, found := root[c.fields[0].name]
		return text, found
	case proto.Message:
		return c.textOf(root.ProtoReflect())
	default:
		return "", false
	}
}

// textOf is that of a message's own field.
func (c *chain) textOf(message protoreflect.Message) (string, bool) {
	if len(c.fields) != 1 {
		return "", false
	}
	of := message.Descriptor().Fields().ByName(protoreflect.Name(c.fields[0].name))
	if of == nil || isUnwrapped(of.Parent().FullName()) || of.Kind() != protoreflect.StringKind || of.Cardinality() == protoreflect.Repeated {
		return "", false
	}
	return message.Get(of).String(), true
}

// isUnwrapped reports whether CEL takes a message for what is inside it, so that it has no fields there.
func isUnwrapped(name protoreflect.FullName) bool {
	switch name {
	case "google.protobuf.Any", "google.protobuf.Value", "google.protobuf.StringValue":
		return true
	default:
		return false
	}
}

// value is the value in a JSON document that the chain leads to; nil if it leads nowhere, to an object of which only parts are known, or if
// the name stands for something else.
func (c *chain) value(names Activation) ref.Val {
	root, _ := names.Resolve(c.root)
	return c.below(root)
}

func (c *chain) below(root any) ref.Val {
	value, _ := c.end(root).(ref.Val)
	return value
}

// end is the value, or the Parts, that the chain leads to from a document or parts of one; nil if it leads nowhere.
func (c *chain) end(root any) any {
	fields := c.fields
	parts, inParts := root.(Parts)
	for ; inParts && len(fields) > 0; parts, inParts = root.(Parts) {
		root, _ = parts.Part(fields[0].name)
		fields = fields[1:]
	}
	if inParts {
		return parts
	}
	document, isJSON := root.(*JSON)
	if !isJSON {
		return nil
	}
	value := c.adapter.document(document)
	for _, field := range fields {
		holder, isObject := value.(*object)
		if !isObject {
			return nil
		}
		member, found := field.of(holder, c.adapter)
		if !found {
			return nil
		}
		value = member
	}
	return value
}

// of is the field's value in an object.
func (f field) of(holder *object, a adapter) (ref.Val, bool) {
	member, all := holder.member(f.name)
	switch {
	case all != nil:
		return all.Find(f.key)
	case member == nil:
		return nil, false
	default:
		return a.document(member), true
	}
}
