package compile

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// fromDefault parses {$from: EXPRESSION, $default: LITERAL}.
func (p *parser) fromDefault(f *field, node *source.Node) *field {
	p.onlyKeys(node, opFrom, opDefault)
	from := node.Get(opFrom)
	if from.Kind == source.Map || from.Kind == source.List || from.Kind == source.Null {
		p.report(from, "write $from: product.title", "$from is not an expression")
		return nil
	}
	f.from = p.leaf(from)
	if f = p.withEncoding(f, projection.EncodingOf); f == nil {
		return nil
	}
	literal := node.Get(opDefault)
	if literal == nil && node.Get(opIf) != nil {
		return f
	}
	if literal == nil {
		p.report(node, "add $default, or write the expression alone", "$from without $default")
		return nil
	}
	p.parseDefault(f, node)
	return f
}

// parseDefault parses the $default beside a source, if there is one.
func (p *parser) parseDefault(f *field, node *source.Node) {
	literal := node.Get(opDefault)
	switch {
	case literal == nil:
	case f.kind != leafField || f.encoding == nil:
		p.report(literal, "leave $default out", "field %q of type %s is empty without a value", f.path, typeName(f.descriptor))
	default:
		f.fallback = p.fallback(f, literal)
	}
}

// fallback is the literal of a $default, which must fit its field.
func (p *parser) fallback(f *field, node *source.Node) *projection.Constant {
	if node.Kind == source.Map || node.Kind == source.List || node.Kind == source.Null {
		p.report(node, "write a text, a number, true or false", "$default is not a literal")
		return nil
	}
	var literal *operand
	if node.Kind == source.String {
		literal = p.constant(node, node.Text)
	} else {
		literal = p.literal(node)
	}
	if literal == nil {
		return nil
	}
	constant := literal.Operand.(*projection.Constant)
	if !f.encoding.Accepts(constant) {
		p.report(node, "write "+f.encoding.Expected, "$default does not fit field %q of type %s", f.path, typeName(f.descriptor))
		return nil
	}
	return constant
}

// enum parses {$enum: EXPRESSION, text: VALUE_NAME, ..., $else: VALUE_NAME}.
func (p *parser) enum(f *field, node *source.Node) *field {
	if f.descriptor.Kind() != protoreflect.EnumKind || f.descriptor.IsMap() {
		p.report(node.Get(opEnum), "write an expression", "field %q is of type %s, not an enum", f.path, typeName(f.descriptor))
		return nil
	}
	from := node.Get(opEnum)
	if from.Kind != source.String {
		p.report(from, "write $enum: stock.state", "$enum is not an expression")
		return nil
	}
	f.from, f.note = p.expression(from, from.Text, 0), "enum "
	cases := map[string]protoreflect.EnumNumber{}
	var otherwise *protoreflect.EnumNumber
	lines, ok := p.cases(node)
	if !ok {
		return nil
	}
	for _, key := range lines {
		number, ok := p.enumValue(f.descriptor.Enum(), key)
		switch {
		case !ok:
		case key.Key == opElse:
			otherwise = &number
		case strings.HasPrefix(key.Key, "$"):
			p.reportKey(key, diag.DidYouMean("keys", key.Key, []string{opElse}), "unexpected key %q beside $enum", key.Key)
		default:
			cases[key.Key] = number
		}
	}
	if len(lines) == 0 {
		p.report(from, "add lines such as in_stock: AVAILABILITY_IN_STOCK", "$enum has no cases")
		return nil
	}
	expected := "one of " + strings.Join(sortedKeys(cases), ", ")
	return p.withEncoding(f, func(protoreflect.FieldDescriptor) *projection.Encoding {
		return projection.EnumEncoding(expected, cases, otherwise)
	})
}

// cases are the lines of an $enum: those of the table that it names, and its own. It reports false if it reported a problem.
func (p *parser) cases(node *source.Node) ([]source.Field, bool) {
	var lines []source.Field
	if name := node.Get(opTable); name != nil {
		table := p.rpc.binding.Root.Get("tables", name.Text)
		if table == nil {
			var known []string
			for _, field := range fieldsOf(p.rpc.binding.Root.Get("tables")) {
				known = append(known, field.Key)
			}
			hint := diag.DidYouMean("tables", name.Text, known)
			if len(known) == 0 {
				hint = "declare it under tables: at the top of the file"
			}
			p.report(name, hint, "unknown table %q", name.Text)
			return nil, false
		}
		lines = append(lines, table.Fields...)
	}
	for _, own := range node.Fields {
		switch {
		case own.Key == opEnum || own.Key == opIf || own.Key == opTable:
		case slices.ContainsFunc(lines, func(line source.Field) bool { return line.Key == own.Key }):
			p.reportKey(own, "keep one of them", "%q stands in the table already", own.Key)
			return nil, false
		default:
			lines = append(lines, own)
		}
	}
	return lines, true
}

func (p *parser) enumValue(enum protoreflect.EnumDescriptor, key source.Field) (protoreflect.EnumNumber, bool) {
	value := enum.Values().ByName(protoreflect.Name(key.Value.Text))
	if value == nil || key.Value.Kind != source.String {
		hint := diag.DidYouMean("values", key.Value.Text, names(enum.Values()))
		p.report(key.Value, hint, "unknown value %q of enum %s", key.Value.Text, enum.FullName())
		return 0, false
	}
	return value.Number(), true
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
