package projection

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sheaf-rpc/sheaf/internal/lazypb"
)

func compareText(a, b string) int { return cmp.Compare(a, b) }

// requestValue is a field of a request as a JSON value: 64-bit integers as numbers, enums by name, bytes as base64, and
// the well-known types as protobuf's JSON mapping has them. A field that is unset has no value; a field that cannot be
// unset always has one.
func requestValue(message protoreflect.Message, field protoreflect.FieldDescriptor) (Value, error) {
	if kept, ok := message.(*lazypb.Message); ok {
		if text, ok := kept.Text(field); ok {
			return plainString(text), nil
		}
	}
	if field.HasPresence() && !message.Has(field) {
		return Value{}, nil
	}
	value := message.Get(field)
	if field.IsList() || field.IsMap() {
		if !message.Has(field) {
			return Value{}, nil
		}
		raw, err := appendRequest(nil, field, value)
		return jsonValue(raw), err
	}
	switch field.Kind() {
	case protoreflect.StringKind:
		return plainString(value.String()), nil
	default:
		raw, err := appendSingular(nil, field, value)
		return jsonValue(raw), err
	}
}

func appendRequest(dst []byte, field protoreflect.FieldDescriptor, value protoreflect.Value) ([]byte, error) {
	switch {
	case field.IsMap():
		return appendRequestMap(dst, field, value.Map())
	case field.IsList():
		return appendRequestList(dst, field, value.List())
	default:
		return appendSingular(dst, field, value)
	}
}

func appendRequestList(dst []byte, field protoreflect.FieldDescriptor, list protoreflect.List) ([]byte, error) {
	dst = append(dst, '[')
	for i := range list.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendSingular(dst, field, list.Get(i)); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendRequestMap(dst []byte, field protoreflect.FieldDescriptor, entries protoreflect.Map) ([]byte, error) {
	var keys []protoreflect.MapKey
	entries.Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, key)
		return true
	})
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return compareText(a.String(), b.String()) })
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = jsontext.AppendQuote(dst, key.String()); err != nil {
			return dst, fmt.Errorf("write key: %w", err)
		}
		if dst, err = appendSingular(append(dst, ':'), field.MapValue(), entries.Get(key)); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func appendSingular(dst []byte, field protoreflect.FieldDescriptor, value protoreflect.Value) ([]byte, error) {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return strconv.AppendBool(dst, value.Bool()), nil
	case protoreflect.EnumKind:
		return appendEnumName(dst, field.Enum(), value.Enum())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return strconv.AppendInt(dst, value.Int(), 10), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return strconv.AppendUint(dst, value.Uint(), 10), nil
	case protoreflect.FloatKind:
		return appendFinite(dst, value.Float(), 32)
	case protoreflect.DoubleKind:
		return appendFinite(dst, value.Float(), 64)
	case protoreflect.StringKind:
		return jsontext.AppendQuote(dst, value.String())
	case protoreflect.BytesKind:
		return jsontext.AppendQuote(dst, base64.StdEncoding.EncodeToString(value.Bytes()))
	default:
		return appendMessage(dst, value.Message())
	}
}

func appendFinite(dst []byte, number float64, bits int) ([]byte, error) {
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return dst, errors.New("number is not finite")
	}
	return strconv.AppendFloat(dst, number, 'g', -1, bits), nil
}

func appendEnumName(dst []byte, enum protoreflect.EnumDescriptor, number protoreflect.EnumNumber) ([]byte, error) {
	if value := enum.Values().ByNumber(number); value != nil {
		return jsontext.AppendQuote(dst, string(value.Name()))
	}
	return strconv.AppendInt(dst, int64(number), 10), nil
}

// appendMessage writes a message: a well-known type by protobuf's JSON mapping.
func appendMessage(dst []byte, message protoreflect.Message) ([]byte, error) {
	fields := message.Descriptor().Fields()
	switch message.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		seconds, nanos := message.Get(fields.ByName("seconds")).Int(), message.Get(fields.ByName("nanos")).Int()
		return jsontext.AppendQuote(dst, time.Unix(seconds, nanos).UTC().Format(time.RFC3339Nano))
	case "google.protobuf.Duration":
		text, err := durationText(&durationpb.Duration{
			Seconds: message.Get(fields.ByName("seconds")).Int(),
			Nanos:   int32(message.Get(fields.ByName("nanos")).Int()),
		})
		if err != nil {
			return dst, err
		}
		return jsontext.AppendQuote(dst, text)
	}
	if isWrapper(message.Descriptor()) {
		field := fields.ByName("value")
		return appendSingular(dst, field, message.Get(field))
	}
	if message.Descriptor().ParentFile().Package() != "google.protobuf" {
		return appendFields(dst, message)
	}
	raw, err := protojson.Marshal(message.Interface())
	if err != nil {
		return dst, fmt.Errorf("write %s: %w", message.Descriptor().Name(), err)
	}
	value := jsontext.Value(raw)
	if err := value.Compact(); err != nil {
		return dst, fmt.Errorf("write %s: %w", message.Descriptor().Name(), err)
	}
	return append(dst, value...), nil
}

// AppendMessage appends a message as the JSON that expressions and paths see: fields by their names in the contract, 64-bit
// integers as numbers, enums by name. A field that is unset and can be is left out.
func AppendMessage(dst []byte, message protoreflect.Message) ([]byte, error) {
	return appendMessage(dst, message)
}

func appendFields(dst []byte, message protoreflect.Message) ([]byte, error) {
	dst = append(dst, '{')
	first := len(dst)
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if (field.HasPresence() || field.IsList() || field.IsMap()) && !message.Has(field) {
			continue
		}
		if len(dst) > first {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendKey(dst, string(field.Name())); err == nil {
			dst, err = appendRequest(dst, field, message.Get(field))
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}
