// Package jsonschema is for editors: it turns the vocabulary of the files, sheaf.config.v1, into JSON Schema (2020-12), so
// that sheaf.yaml and binding files are completed and checked while they are written.
package jsonschema

import (
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// schema is a JSON Schema. Maps marshal with sorted keys, so the same vocabulary gives the same bytes.
type schema = map[string]any

// hole is ${env.NAME}, which stands for any text.
const hole = `\$\{[^}]+\}`

// duration is what Go reads as a duration, as people write it.
const duration = `^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$`

// keywords are the rules that JSON Schema has a word for. Sheaf checks the others when it reads the file.
var keywords = map[protoreflect.Name]string{
	"gt": "exclusiveMinimum", "gte": "minimum", "lt": "exclusiveMaximum", "lte": "maximum",
	"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern",
	"min_items": "minItems", "max_items": "maxItems", "unique": "uniqueItems",
	"min_pairs": "minProperties", "max_pairs": "maxProperties",
}

// Vocabulary is the message that describes a file.
type Vocabulary struct {
	// Message may carry comments, which become descriptions.
	Message protoreflect.MessageDescriptor
	Title   string
	// Environment says that the file's texts may hold ${env.NAME}.
	Environment bool
}

// Schema is the schema of the file.
func (v Vocabulary) Schema() map[string]any {
	writer := &writer{definitions: schema{}, environment: v.Environment}
	root := writer.reference(v.Message)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = v.Title
	root["$defs"] = writer.definitions
	return root
}

type writer struct {
	definitions schema
	environment bool
}

// reference refers to a message's definition, and adds it if it is new.
func (w *writer) reference(message protoreflect.MessageDescriptor) schema {
	name := string(message.Name())
	if _, known := w.definitions[name]; !known {
		w.definitions[name] = schema{} // so that a message may contain itself
		w.definitions[name] = w.object(message)
	}
	return schema{"$ref": "#/$defs/" + name}
}

func (w *writer) object(message protoreflect.MessageDescriptor) schema {
	properties := schema{}
	var required []string
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		property := w.property(field)
		properties[string(field.Name())] = property
		if rules(field).GetRequired() {
			required = append(required, string(field.Name()))
			notEmpty(property, field)
		}
	}
	result := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		result["required"] = required
	}
	describe(result, message)
	if choices := choices(message); choices != nil {
		result["allOf"] = choices
	}
	return result
}

// notEmpty says what required means for a field that cannot tell empty from missing.
func notEmpty(property schema, field protoreflect.FieldDescriptor) {
	switch {
	case field.IsMap():
		property["minProperties"] = 1
	case field.IsList():
		property["minItems"] = 1
	case field.Kind() == protoreflect.StringKind && !field.HasPresence():
		property["minLength"] = 1
	}
}

// choices say that exactly one member of each required oneof is there, and at most one of each other.
func choices(message protoreflect.MessageDescriptor) []schema {
	var all []schema
	for i := range message.Oneofs().Len() {
		oneof := message.Oneofs().Get(i)
		if oneof.IsSynthetic() {
			continue
		}
		var members, none []schema
		for j := range oneof.Fields().Len() {
			one := schema{"required": []string{string(oneof.Fields().Get(j).Name())}}
			members = append(members, one)
			none = append(none, schema{"not": one})
		}
		if oneofRules, err := protovalidate.ResolveOneofRules(oneof); err != nil || !oneofRules.GetRequired() {
			members = append(members, schema{"allOf": none})
		}
		all = append(all, schema{"oneOf": members})
	}
	return all
}

func (w *writer) property(field protoreflect.FieldDescriptor) schema {
	found := rules(field)
	var result schema
	switch {
	case field.IsMap():
		result = schema{"type": "object", "additionalProperties": w.single(field.MapValue(), found.GetMap().GetValues())}
		if names := found.GetMap().GetKeys(); names != nil {
			result["propertyNames"] = constrain(schema{}, names)
		}
		constrain(result, found)
	case field.IsList():
		result = constrain(schema{"type": "array", "items": w.single(field, found.GetRepeated().GetItems())}, found)
	default:
		result = w.single(field, found)
	}
	describe(result, field)
	return result
}

// rules are a field's protovalidate rules; nil for none.
func rules(field protoreflect.FieldDescriptor) *validate.FieldRules {
	found, err := protovalidate.ResolveFieldRules(field)
	if err != nil {
		return nil
	}
	return found
}

// constrain adds the rules of one type, such as StringRules, that have a keyword.
func constrain(to schema, rules *validate.FieldRules) schema {
	message := rules.ProtoReflect()
	typed := message.WhichOneof(message.Descriptor().Oneofs().ByName("type"))
	if typed == nil {
		return to
	}
	message.Get(typed).Message().Range(func(rule protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if keyword, known := keywords[rule.Name()]; known {
			to[keyword] = value.Interface()
		}
		return true
	})
	return to
}

// single is the schema of one value of a field's type. The reader of files knows no other types than these.
func (w *writer) single(field protoreflect.FieldDescriptor, rules *validate.FieldRules) schema {
	switch field.Kind() {
	case protoreflect.StringKind:
		return w.text(rules)
	case protoreflect.BoolKind:
		return schema{"type": "boolean"}
	case protoreflect.Int32Kind:
		return constrain(schema{"type": "integer"}, rules)
	case protoreflect.DoubleKind:
		return constrain(schema{"type": "number"}, rules)
	case protoreflect.MessageKind:
		return w.message(field.Message())
	default:
		return schema{}
	}
}

// text admits numbers too where there is no pattern: YAML reads 2 as a number, and a text setting takes it as it stands.
func (w *writer) text(rules *validate.FieldRules) schema {
	result := constrain(schema{}, rules)
	pattern, patterned := result["pattern"].(string)
	if !patterned {
		result["type"] = []string{"string", "number", "boolean"}
		return result
	}
	result["type"], result["pattern"] = "string", w.orHole(pattern)
	return result
}

// orHole admits ${env.NAME}, whose value is checked when the file is loaded, where a pattern would refuse it.
func (w *writer) orHole(pattern string) string {
	if !w.environment {
		return pattern
	}
	return "(" + pattern + ")|" + hole
}

func (w *writer) message(message protoreflect.MessageDescriptor) schema {
	switch message.FullName() {
	case "google.protobuf.Duration":
		return schema{"type": "string", "pattern": w.orHole(duration), "examples": []string{"300ms", "1.5s"}}
	case "google.protobuf.Struct":
		return schema{"type": "object"}
	case "google.protobuf.Value":
		return schema{}
	default:
		return w.reference(message)
	}
}

// describe adds a descriptor's comment.
func describe(to schema, descriptor protoreflect.Descriptor) {
	comment := descriptor.ParentFile().SourceLocations().ByDescriptor(descriptor).LeadingComments
	if text := strings.Join(strings.Fields(comment), " "); text != "" {
		to["description"] = text
	}
}
