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

// hole admits ${env.NAME} where a pattern would refuse it.
const hole = `\$\{[^}]+\}`

// Of is the schema of the files that a message describes. Comments become descriptions if the descriptor has them.
func Of(message protoreflect.MessageDescriptor, title string) map[string]any {
	definitions := schema{}
	root := reference(message, definitions)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = title
	root["$defs"] = definitions
	return root
}

// reference refers to a message's definition, and adds it if it is new.
func reference(message protoreflect.MessageDescriptor, definitions schema) schema {
	name := string(message.Name())
	if _, known := definitions[name]; !known {
		definitions[name] = schema{} // so that a message may contain itself
		definitions[name] = object(message, definitions)
	}
	return schema{"$ref": "#/$defs/" + name}
}

func object(message protoreflect.MessageDescriptor, definitions schema) schema {
	properties := schema{}
	var required []string
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		properties[string(field.Name())] = property(field, definitions)
		if rules(field).GetRequired() {
			required = append(required, string(field.Name()))
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

func property(field protoreflect.FieldDescriptor, definitions schema) schema {
	var result schema
	switch {
	case field.IsMap():
		result = schema{"type": "object", "additionalProperties": single(field.MapValue(), rules(field).GetMap().GetValues(), definitions)}
		if pattern := rules(field).GetMap().GetKeys().GetString().GetPattern(); pattern != "" {
			result["propertyNames"] = schema{"pattern": pattern}
		}
	case field.IsList():
		result = schema{"type": "array", "items": single(field, rules(field).GetRepeated().GetItems(), definitions)}
		if rules(field).GetRepeated().GetUnique() {
			result["uniqueItems"] = true
		}
	default:
		result = single(field, rules(field), definitions)
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

// single is the schema of one value of a field's type.
func single(field protoreflect.FieldDescriptor, rules *validate.FieldRules, definitions schema) schema {
	switch field.Kind() {
	case protoreflect.StringKind:
		return text(rules.GetString())
	case protoreflect.BoolKind:
		return schema{"type": "boolean"}
	case protoreflect.DoubleKind:
		return double(rules.GetDouble())
	case protoreflect.MessageKind:
		return messageSchema(field.Message(), definitions)
	default:
		return whole(rules.GetInt32())
	}
}

// text admits numbers too where there is no pattern: YAML reads 2 as a number, and a text setting takes it as it stands.
func text(rules *validate.StringRules) schema {
	if rules.GetPattern() == "" {
		return schema{"type": []string{"string", "number", "boolean"}}
	}
	return schema{"type": "string", "pattern": "(" + rules.GetPattern() + ")|" + hole}
}

func whole(rules *validate.Int32Rules) schema {
	result := schema{"type": "integer"}
	if at, ok := rules.GetGreaterThan().(*validate.Int32Rules_Gte); ok {
		result["minimum"] = at.Gte
	}
	if at, ok := rules.GetLessThan().(*validate.Int32Rules_Lt); ok {
		result["exclusiveMaximum"] = at.Lt
	}
	return result
}

func double(rules *validate.DoubleRules) schema {
	result := schema{"type": "number"}
	if at, ok := rules.GetGreaterThan().(*validate.DoubleRules_Gt); ok {
		result["exclusiveMinimum"] = at.Gt
	}
	if at, ok := rules.GetLessThan().(*validate.DoubleRules_Lte); ok {
		result["maximum"] = at.Lte
	}
	return result
}

func messageSchema(message protoreflect.MessageDescriptor, definitions schema) schema {
	switch message.FullName() {
	case "google.protobuf.Duration":
		return schema{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$`, "examples": []string{"300ms", "1.5s"}}
	case "google.protobuf.Struct":
		return schema{"type": "object"}
	case "google.protobuf.Value":
		return schema{}
	default:
		return reference(message, definitions)
	}
}

// describe adds a descriptor's comment.
func describe(to schema, descriptor protoreflect.Descriptor) {
	comment := descriptor.ParentFile().SourceLocations().ByDescriptor(descriptor).LeadingComments
	if text := strings.Join(strings.Fields(comment), " "); text != "" {
		to["description"] = text
	}
}
