package projection_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// every is a project with a field of every kind, each from the key of its own name.
const every = `
-- proto/t.proto --
syntax = "proto3";
package t;
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
service S {
  rpc Get(Request) returns (Every);
}
message Request {}
message Every {
  optional bool b = 1;
  optional int32 i32 = 2;
  optional int64 i64 = 3;
  optional uint32 u32 = 4;
  optional uint64 u64 = 5;
  optional sint32 s32 = 6;
  optional sint64 s64 = 7;
  optional fixed32 f32 = 8;
  optional fixed64 f64 = 9;
  optional sfixed32 sf32 = 10;
  optional sfixed64 sf64 = 11;
  optional float fl = 12;
  optional double d = 13;
  optional string s = 14;
  optional bytes by = 15;
  Color e = 16;
  google.protobuf.Timestamp ts = 17;
  google.protobuf.Duration du = 18;
  google.protobuf.Struct st = 19;
  google.protobuf.Value va = 20;
  google.protobuf.ListValue li = 21;
  google.protobuf.Int64Value w = 22;
  repeated int32 ris = 23;
  repeated string rs = 24;
  map<string, int64> m = 25;
  repeated Item items = 26;
  Nested n = 27;
  string plain = 28;
}
message Item {
  optional string name = 1;
  repeated Item items = 2;
}
message Nested {
  optional int32 a = 1;
  optional int32 b = 2;
}
enum Color {
  COLOR_UNSPECIFIED = 0;
  COLOR_RED = 1;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Get:
    calls:
      x: {get: "a:/x"}
    response:
      b: x.b
      i32: x.i32
      i64: x.i64
      u32: x.u32
      u64: x.u64
      s32: x.s32
      s64: x.s64
      f32: x.f32
      f64: x.f64
      sf32: x.sf32
      sf64: x.sf64
      fl: x.fl
      d: x.d
      s: x.s
      by: x.by
      e: x.e
      ts: x.ts
      du: x.du
      st: x.st
      va: x.va
      li: x.li
      w: x.w
      ris: x.ris
      rs: x.rs
      m: x.m
      items:
        $each: i in x.items
        name: i.name
        items: {$each: j in i.items, name: j.name}
      n: {a: x.n.a, b: 'x.n["b"]'}
      plain: x.plain
`

// project runs the rules over one answer.
func project(rpc *plan.RPC, body []byte) (*dynamicpb.Message, []projection.Report, error) {
	document, err := rpc.Calls[0].Shape.Scan(body)
	if err != nil {
		return nil, nil, err
	}
	wire, reports, _ := rpc.Response.Append(nil, &projection.Scope{
		Context: context.Background(), Request: dynamicpb.NewMessage(rpc.Method.Input()), Answers: []*projection.Document{document},
	})
	message := dynamicpb.NewMessage(rpc.Method.Output())
	if err := proto.Unmarshal(wire, message); err != nil {
		return nil, nil, fmt.Errorf("rules wrote what is no message: %w", err)
	}
	return message, reports, nil
}

func TestEveryKind(t *testing.T) {
	t.Parallel()
	rpc := plantest.Compile(t, every).Find("Get")
	message, reports, err := project(rpc, []byte(`{
		"b": true, "i32": -2147483648, "i64": "9223372036854775807", "u32": 4294967295, "u64": 18446744073709551615, "s32": -1, "s64": -9007199254740993,
		"f32": 1e3, "f64": 20.0, "sf32": -5, "sf64": 6, "fl": 0.5, "d": 0.1, "s": 123, "by": "-_8", "e": "COLOR_RED",
		"ts": "2026-01-02T03:04:05.123456789+01:00", "du": "-1.5s", "st": {"a": [1, null, {"b": "c"}]}, "va": [true], "li": ["x"], "w": 0,
		"ris": [1, 2.0, "3"], "rs": ["\u00e9", ""], "m": {"k": 1}, "items": [{"name": "a", "items": [{"name": "b"}, {}]}, {}], "n": {"a": 0}, "plain": "p"
	}`))
	if err != nil || len(reports) > 0 {
		t.Fatalf("error = %v, reports = %v", err, reports)
	}
	want := dynamicpb.NewMessage(rpc.Method.Output())
	if err := protojson.Unmarshal([]byte(`{
		"b": true, "i32": -2147483648, "i64": "9223372036854775807", "u32": 4294967295, "u64": "18446744073709551615", "s32": -1, "s64": "-9007199254740993",
		"f32": 1000, "f64": "20", "sf32": -5, "sf64": "6", "fl": 0.5, "d": 0.1, "s": "123", "by": "+/8=", "e": "COLOR_RED",
		"ts": "2026-01-02T02:04:05.123456789Z", "du": "-1.5s", "st": {"a": [1, null, {"b": "c"}]}, "va": [true], "li": ["x"], "w": "0",
		"ris": [1, 2, 3], "rs": ["é", ""], "m": {"k": "1"}, "items": [{"name": "a", "items": [{"name": "b"}, {}]}, {}], "n": {"a": 0}, "plain": "p"
	}`), want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(message, want) {
		t.Errorf("got  %v\nwant %v", message, want)
	}
}

// FuzzProjection holds the rules against a slow reference that decodes the whole answer and converts value by value.
func FuzzProjection(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, `{"b": 1, "i32": 1.5, "i64": 9223372036854775808, "u32": -1, "fl": 1e39, "d": 1e400, "s": 1.5}`,
		`{"i32": "007", "i64": "-0", "u64": 1e19, "s64": -1e-1, "d": 9007199254740993, "fl": 16777217, "s": true}`,
		`{"by": "a", "e": 1, "ts": "2026-02-30T00:00:00Z", "du": "1.0000000001s", "st": [], "li": {}, "w": null, "va": null}`,
		`{"ris": [1, null, "x"], "rs": "x", "m": {"a": 1, "b": "x", "c": null}, "items": [null, {"name": 1, "items": {}}], "n": {"b": 2}}`,
		`{"ts": "0001-01-01T00:00:00Z", "du": "315576000001s", "e": "COLOR_BLUE", "plain": "\ud83d\ude00", "b": "true"}`,
		`{"ts": "2026-01-02t03:04:05Z", "by": "YQ==", "st": {"": {"": ""}}, "va": {"x": 1e308}, "n": 1}`,
	} {
		f.Add([]byte(seed))
	}
	rpc := plantest.Compile(f, every).Find("Get")
	f.Fuzz(func(t *testing.T, body []byte) {
		message, reports, err := project(rpc, body)
		if valid := len(body) == 0 || jsontext.Value(body).IsValid(); valid != (err == nil) {
			t.Fatalf("answer is valid = %v, but error = %v", valid, err)
		}
		if err != nil || len(body) == 0 {
			return
		}
		reference := &reference{output: rpc.Method.Output()}
		want := reference.message(body)
		if !proto.Equal(message, want) {
			t.Errorf("got  %v\nwant %v", message, want)
		}
		var drifted []string
		for _, report := range reports {
			drifted = append(drifted, report.Field)
		}
		if !slices.Equal(drifted, reference.drifts) && len(drifted) < 100 {
			t.Errorf("drifts = %v, want %v", drifted, reference.drifts)
		}
	})
}

// reference is the slow, obvious way.
type reference struct {
	output protoreflect.MessageDescriptor
	drifts []string
}

func (r *reference) message(body []byte) *dynamicpb.Message {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	var root any
	_ = decoder.Decode(&root) // the body is valid
	message := dynamicpb.NewMessage(r.output)
	r.fill(message, root, "")
	return message
}

// blocked stands for what cannot be there, since what should hold it is no object.
type blocked struct{}

// fill fills fields from an object's keys of the same names, in the order of their numbers.
func (r *reference) fill(message protoreflect.Message, from any, prefix string) bool {
	object, isObject := from.(map[string]any)
	filled := false
	for i := range message.Descriptor().Fields().Len() {
		field := message.Descriptor().Fields().Get(i)
		name := string(field.Name())
		if prefix != "" && strings.Count(prefix, "items") == 2 && name == "items" {
			continue // the binding ends there
		}
		value := object[name]
		if from != nil && !isObject {
			value = blocked{}
		}
		filled = r.field(message, field, value, prefix+name) || filled
	}
	return filled
}

func (r *reference) field(message protoreflect.Message, field protoreflect.FieldDescriptor, value any, path string) bool {
	switch {
	case value == nil && (field.Message() == nil || field.Message().Name() != "Nested"):
		if field.Name() == "plain" {
			r.drifts = append(r.drifts, path)
		}
		return false
	case field.IsMap():
		return r.entries(message, field, value, path)
	case field.IsList():
		return r.list(message, field, value, path)
	case field.Message() != nil && field.Message().Name() == "Nested":
		nested := message.NewField(field)
		if r.fill(nested.Message(), value, path+".") {
			message.Set(field, nested)
		}
		return true
	}
	converted, ok := convert(message.NewField(field), field, value)
	if !ok {
		r.drifts = append(r.drifts, path)
		return false
	}
	message.Set(field, converted)
	return true
}

func (r *reference) list(message protoreflect.Message, field protoreflect.FieldDescriptor, value any, path string) bool {
	elements, ok := value.([]any)
	if !ok {
		r.drifts = append(r.drifts, path)
		return false
	}
	list := message.Mutable(field).List()
	for i, element := range elements {
		at := fmt.Sprintf("%s[%d]", path, i)
		if field.Message() != nil {
			item := list.NewElement()
			r.fill(item.Message(), element, at+".")
			list.Append(item)
			continue
		}
		converted, ok := convert(protoreflect.Value{}, field, element)
		if element == nil || !ok {
			r.drifts = append(r.drifts, at)
			continue
		}
		list.Append(converted)
	}
	return true
}

func (r *reference) entries(message protoreflect.Message, field protoreflect.FieldDescriptor, value any, path string) bool {
	object, ok := value.(map[string]any)
	if !ok {
		r.drifts = append(r.drifts, path)
		return false
	}
	for key, element := range object {
		converted, ok := convert(protoreflect.Value{}, field.MapValue(), element)
		if element == nil || !ok {
			r.drifts = append(r.drifts, path+"[value]")
			continue
		}
		message.Mutable(field).Map().Set(protoreflect.ValueOfString(key).MapKey(), converted)
	}
	return true
}

// convert converts one value, exactly or not at all.
func convert(empty protoreflect.Value, field protoreflect.FieldDescriptor, value any) (protoreflect.Value, bool) {
	if value == (blocked{}) {
		return protoreflect.Value{}, false
	}
	switch field.Kind() {
	case protoreflect.BoolKind:
		truth, ok := value.(bool)
		return protoreflect.ValueOfBool(truth), ok
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		number, ok := whole(value)
		ok = ok && number.IsInt64() && number.Int64() >= math.MinInt32 && number.Int64() <= math.MaxInt32
		return protoreflect.ValueOfInt32(int32(low(number, ok))), ok
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		number, ok := whole(value)
		ok = ok && number.IsInt64()
		return protoreflect.ValueOfInt64(low(number, ok)), ok
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		number, ok := whole(value)
		ok = ok && number.IsInt64() && number.Int64() >= 0 && number.Int64() <= math.MaxUint32
		return protoreflect.ValueOfUint32(uint32(low(number, ok))), ok
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		number, ok := whole(value)
		if ok = ok && number.IsUint64(); !ok {
			return empty, false
		}
		return protoreflect.ValueOfUint64(number.Uint64()), true
	case protoreflect.FloatKind:
		number, ok := nearest(value, 32)
		return protoreflect.ValueOfFloat32(float32(number)), ok
	case protoreflect.DoubleKind:
		number, ok := nearest(value, 64)
		return protoreflect.ValueOfFloat64(number), ok
	case protoreflect.StringKind:
		return text(value)
	case protoreflect.BytesKind:
		return base64Text(value)
	case protoreflect.EnumKind:
		return enum(field.Enum(), value)
	default:
		return wellKnown(empty, value)
	}
}

func low(number *big.Int, ok bool) int64 {
	if !ok {
		return 0
	}
	return number.Int64()
}

// whole is the exact value of a number, or of decimal text without leading zeros, if that is whole.
func whole(value any) (*big.Int, bool) {
	switch value := value.(type) {
	case json.Number:
		if _, err := value.Float64(); err != nil {
			return nil, false // far beyond every integer type, and slow to write out
		}
		if exponent := strings.IndexAny(value.String(), "eE"); exponent >= 0 && len(strings.TrimLeft(value.String()[exponent+1:], "+-0")) > 5 {
			zero, _ := value.Float64()
			mantissa := strings.Trim(value.String()[:exponent], "-0.")
			return big.NewInt(0), zero == 0 && mantissa == ""
		}
		exact, ok := new(big.Rat).SetString(value.String())
		if !ok || !exact.IsInt() {
			return nil, false
		}
		return exact.Num(), true
	case string:
		digits := strings.TrimPrefix(value, "-")
		if digits == "" || strings.Trim(digits, "0123456789") != "" || len(digits) > 1 && digits[0] == '0' {
			return nil, false
		}
		return new(big.Int).SetString(value, 10)
	default:
		return nil, false
	}
}

// nearest is the nearest number of that many bits; a whole literal must be met exactly.
func nearest(value any, bits int) (float64, bool) {
	literal, isNumber := value.(json.Number)
	if quoted, ok := value.(string); ok && jsontext.Value(quoted).IsValid() && jsontext.Value(quoted).Kind() == '0' && strings.TrimSpace(quoted) == quoted {
		literal, isNumber = json.Number(quoted), true
	}
	number, err := strconv.ParseFloat(literal.String(), bits)
	if !isNumber || err != nil {
		return 0, false
	}
	if strings.Trim(literal.String(), "-0123456789") == "" {
		exact, _ := new(big.Int).SetString(literal.String(), 10)
		back, accuracy := new(big.Float).SetFloat64(number).Int(nil)
		return number, accuracy == big.Exact && back.Cmp(exact) == 0
	}
	return number, true
}

func text(value any) (protoreflect.Value, bool) {
	switch value := value.(type) {
	case string:
		return protoreflect.ValueOfString(value), true
	case json.Number:
		return protoreflect.ValueOfString(value.String()), strings.Trim(value.String(), "-0123456789") == ""
	default:
		return protoreflect.Value{}, false
	}
}

func base64Text(value any) (protoreflect.Value, bool) {
	encoded, ok := value.(string)
	if !ok || strings.ContainsAny(encoded, "\r\n") {
		return protoreflect.Value{}, false
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if decoded, err := encoding.Strict().DecodeString(encoded); err == nil {
			return protoreflect.ValueOfBytes(decoded), true
		}
	}
	return protoreflect.Value{}, false
}

func enum(descriptor protoreflect.EnumDescriptor, value any) (protoreflect.Value, bool) {
	for i := range descriptor.Values().Len() {
		known := descriptor.Values().Get(i)
		if fmt.Sprint(value) == string(known.Name()) || fmt.Sprint(value) == strconv.Itoa(int(known.Number())) {
			return protoreflect.ValueOfEnum(known.Number()), true
		}
	}
	return protoreflect.Value{}, false
}

// wellKnown leaves the well-known types to protojson, and refuses what it would round.
func wellKnown(empty protoreflect.Value, value any) (protoreflect.Value, bool) {
	message := empty.Message()
	switch name := message.Descriptor().FullName(); name {
	case "google.protobuf.Int64Value":
		number, ok := whole(value)
		if ok = ok && number.IsInt64(); ok {
			message.Set(message.Descriptor().Fields().ByName("value"), protoreflect.ValueOfInt64(number.Int64()))
		}
		return empty, ok
	case "google.protobuf.Timestamp":
		if moment, ok := value.(string); !ok || !isRFC3339(moment) {
			return empty, false
		}
	case "google.protobuf.Duration": // protojson also takes "+1s", ".5s" and "1.s", which its specification does not know
		if text, ok := value.(string); !ok || !durationForm.MatchString(text) {
			return empty, false
		}
	case "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue":
		if !holdable(value, 32, name != "google.protobuf.Value") {
			return empty, false
		}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return empty, false
	}
	return empty, protojson.Unmarshal(raw, message.Interface()) == nil
}

var durationForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]{1,9})?s$`)

func isRFC3339(moment string) bool {
	_, err := time.Parse(time.RFC3339Nano, moment)
	return err == nil && !strings.Contains(moment, ",")
}

// holdable reports whether every number inside is one that a double holds, and the nesting is within bounds.
func holdable(value any, depth int, container bool) bool {
	switch value := value.(type) {
	case json.Number:
		_, ok := nearest(value, 64)
		return ok && !container
	case map[string]any:
		for _, member := range value {
			if depth == 0 || !holdable(member, depth-1, false) {
				return false
			}
		}
		return depth > 0
	case []any:
		for _, element := range value {
			if depth == 0 || !holdable(element, depth-1, false) {
				return false
			}
		}
		return depth > 0
	default:
		return !container
	}
}

// TestReports: a report names the field and the place in the answer, with the indices of every loop.
func TestReports(t *testing.T) {
	t.Parallel()
	rpc := plantest.Compile(t, every).Find("Get")
	_, reports, err := project(rpc, []byte(`{"plain": "p", "i32": 1.5, "items": [{}, {"items": [{"name": "a"}, {}, {"name": [1]}]}], "m": {"k": "x"}, "ris": [1, "x"], "n": {"b": "c"}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, report := range reports {
		got = append(got, fmt.Sprintf("%s <- %s: expected %s, found %s", report.Field, report.Origin, report.Expected, report.Found))
	}
	want := []string{
		"i32 <- x.i32: expected a whole number within int32, found a number with a fraction or exponent",
		"ris[1] <- x.ris[1]: expected a whole number within int32, found text",
		"m[value] <- x.m[value]: expected a whole number within int64, found text",
		"items[1].items[2].name <- x.items[1].items[2].name: expected text or a whole number, found a list",
		"n.b <- x.n.b: expected a whole number within int32, found text",
	}
	if !slices.Equal(got, want) {
		t.Errorf("reports:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
