package bounds_test

import (
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/internal/bounds"
)

const contract = `edition = "2023";
package tree.v1;
import "google/protobuf/any.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Node {
  Node left = 1;
  Node right = 2;
  repeated Node nodes = 3;
  map<string, Node> named = 4;
  repeated int32 numbers = 5;
  repeated fixed32 halves = 6;
  repeated double wholes = 7;
  repeated sint64 loose = 8 [features.repeated_field_encoding = EXPANDED];
  repeated string texts = 9;
  map<int32, bytes> bytes = 10;
  Node group = 11 [features.message_encoding = DELIMITED];
  repeated Node groups = 12 [features.message_encoding = DELIMITED];
  google.protobuf.Struct free = 13;
  google.protobuf.Value value = 14;
  google.protobuf.ListValue list = 15;
  google.protobuf.FieldMask mask = 16;
  google.protobuf.Any any = 17;
  google.protobuf.Timestamp at = 18;
  google.protobuf.Int32Value maybe = 19;
  repeated google.protobuf.Value values = 20;
  string a_text = 21;
  oneof either {
    Node one = 22;
    Node other = 23;
  }
  extensions 100 to 110;
}
extend Node { repeated Node more = 100; }
`

// world is a contract with every kind of field.
type world struct {
	node    protoreflect.MessageDescriptor
	types   *dynamicpb.Types
	message *bounds.Message
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"tree.proto": contract}),
	})}
	compiled, err := compiler.Compile(tb.Context(), "tree.proto")
	if err != nil {
		tb.Fatal(err)
	}
	files := &protoregistry.Files{}
	if err := files.RegisterFile(compiled[0]); err != nil {
		tb.Fatal(err)
	}
	node := compiled[0].Messages().ByName("Node")
	return &world{node: node, types: dynamicpb.NewTypes(files), message: bounds.NewTypes(files).Message(node)}
}

func (w *world) fromWire(data []byte) (*dynamicpb.Message, error) {
	m := dynamicpb.NewMessage(w.node)
	return m, proto.UnmarshalOptions{Resolver: w.types, AllowPartial: true}.Unmarshal(data, m)
}

func (w *world) fromJSON(data []byte) (*dynamicpb.Message, error) {
	m := dynamicpb.NewMessage(w.node)
	return m, protojson.UnmarshalOptions{Resolver: w.types, DiscardUnknown: true}.Unmarshal(data, m)
}

// built is what a message that has been built holds.
type built struct{ depth, elements int }

func measure(m protoreflect.Message) built {
	found := built{depth: 1}
	within := func(v protoreflect.Message) {
		inner := measure(v)
		found.depth, found.elements = max(found.depth, 1+inner.depth), found.elements+inner.elements
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsList():
			found.elements += v.List().Len()
			for i := range v.List().Len() {
				if fd.Message() != nil {
					within(v.List().Get(i).Message())
				}
			}
		case fd.IsMap():
			found.elements += v.Map().Len()
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				if fd.MapValue().Message() != nil {
					within(v.Message())
				}
				return true
			})
		case fd.Message() != nil:
			within(v.Message())
		}
		return true
	})
	return found
}

func (b built) bounds() bounds.Bounds { return bounds.Bounds{Depth: b.depth, Elements: b.elements} }

// tighter are bounds that a message does not keep within.
func (b built) tighter() []bounds.Bounds {
	tighter := []bounds.Bounds{{Depth: b.depth - 1, Elements: math.MaxInt32}}
	if b.elements > 0 {
		tighter = append(tighter, bounds.Bounds{Depth: math.MaxInt32, Elements: b.elements - 1})
	}
	return tighter
}

// examples are messages with all that there is.
var examples = []string{
	`{}`, `{"left": {"right": {}}, "nodes": [{}, {"nodes": [{}]}], "named": {"a": {"left": {}}, "b": {}}}`,
	`{"numbers": [1, 300, -5], "halves": [1, 2], "wholes": [1.5], "loose": [1, -2, 3], "texts": ["a", ""], "bytes": {"1": "AA==", "2": ""}}`,
	`{"group": {"groups": [{}, {"numbers": [7]}]}, "aText": "x,y:[{", "one": {"other": {}}}`, `{"a_text": "\"", "left": null}`,
	`{"free": {"a": {"b": [1, null, {"c": "d"}]}}, "value": [[[]]], "list": [1, {"x": {}}], "values": [null, 1, "x", {}, []]}`,
	`{"mask": "a,b\u002cc", "at": "2026-01-01T00:00:00Z", "maybe": 7, "[tree.v1.more]": [{}, {}]}`, `{"mask": "", "\u0061Text": "x", "value": null}`,
	`{"any": {"@type": "type.googleapis.com/tree.v1.Node", "nodes": [{}, {"left": {}}]}}`,
}

// TestExact: what a message holds is counted exactly, in both forms.
func TestExact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, example := range examples {
		m, err := w.fromJSON([]byte(example))
		if err != nil {
			t.Fatal(err)
		}
		w.check(t, m, []byte(example))
	}
}

// check compares what is counted of a message, and of the JSON that it comes from, with what it holds.
func (w *world) check(t *testing.T, m *dynamicpb.Message, text []byte) {
	t.Helper()
	holds := measure(m)
	wire, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holds.bounds().CheckWire(w.message, wire); err != nil {
		t.Errorf("%x holds %+v, but: %v", wire, holds, err)
	}
	hasAny := strings.Contains(string(text), "@type") || strings.Contains(string(text), `any`)
	if err := holds.bounds().CheckJSON(w.message, text); err != nil && !hasAny {
		t.Errorf("%s holds %+v, but: %v", text, holds, err)
	}
	for _, tighter := range holds.tighter() {
		if _, err := tighter.CheckWire(w.message, wire); err == nil {
			t.Errorf("%x holds %+v, which %+v allow", wire, holds, tighter)
		}
		if tighter.CheckJSON(w.message, text) == nil {
			t.Errorf("%s holds %+v, which %+v allow", text, holds, tighter)
		}
	}
}

// FuzzWire: nothing that can be built holds more than has been counted, and what is written in one way only holds exactly that.
func FuzzWire(f *testing.F) {
	w := newWorld(f)
	for _, example := range examples {
		m, err := w.fromJSON([]byte(example))
		if err != nil {
			f.Fatal(err)
		}
		wire, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Add([]byte{0x0a, 0, 0x0a, 0, 0x22, 0, 0x22, 4, 0x12, 0, 0x12, 0, 0x2a, 3, 1, 0x80, 1, 0x28, 1, 0x5b, 0x5c})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := w.fromWire(data)
		if err != nil {
			return
		}
		holds := measure(m)
		for _, tighter := range holds.tighter() {
			if _, err := tighter.CheckWire(w.message, data); err == nil {
				t.Errorf("%x holds %+v, which %+v allow", data, holds, tighter)
			}
		}
		wire, err := proto.Marshal(m)
		if err != nil {
			return
		}
		if _, err := holds.bounds().CheckWire(w.message, wire); err != nil {
			t.Errorf("%x holds %+v, but: %v", wire, holds, err)
		}
	})
}

// FuzzJSON: the same for JSON.
func FuzzJSON(f *testing.F) {
	w := newWorld(f)
	for _, example := range examples {
		f.Add([]byte(example))
	}
	f.Add([]byte(`{"x": {"y": [1, {}]}, "numbers": {}, "left": 7, "nodes": {"a": 1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := w.fromJSON(data)
		if err != nil {
			return
		}
		holds := measure(m)
		for _, tighter := range holds.tighter() {
			if tighter.CheckJSON(w.message, data) == nil {
				t.Errorf("%s holds %+v, which %+v allow", data, holds, tighter)
			}
		}
	})
}

// worst are requests of a size that become as much as possible.
func worst(size int) map[string][]byte {
	fill := func(piece string) []byte { return []byte(strings.Repeat(piece, size/len(piece))) }
	tree := []byte{}
	for len(tree) < size/2 { // twice as long with each level
		tree = append(appendMessage(nil, 1, tree), appendMessage(nil, 2, tree)...)
	}
	list := func(piece string) []byte {
		return []byte(`{"nodes":[` + strings.Repeat(piece+",", size/(len(piece)+1)-8) + piece + `]}`)
	}
	return map[string][]byte{
		"empty messages": fill("\x1a\x00"), "messages in messages": fill("\x1a\x02\x0a\x00"), "a tree": tree, "entries": fill("\x22\x00"),
		"packed": protowire.AppendBytes([]byte{0x2a}, make([]byte, size-6)), "members of a oneof": fill("\xb2\x01\x00\xba\x01\x00"),
		"json: empty messages": list("{}"), "json: messages in messages": list(`{"left":{}}`),
		"json: values": []byte(`{"list":[` + strings.Repeat("[],", size/3-8) + `[]]}`), "json: mask": []byte(`{"mask":"` + strings.Repeat("a,", size/2-8) + `a"}`),
	}
}

func appendMessage(dst []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(dst, number, protowire.BytesType), content)
}

// TestWorst: requests of 4 MiB that would become up to a gigabyte and a half are refused for next to nothing.
func TestWorst(t *testing.T) { //nolint:paralleltest // it measures what the process allocates
	w := newWorld(t)
	within := bounds.Bounds{Depth: 100, Elements: 10_000}
	small := worst(16 << 10)
	for name, data := range worst(4 << 20) {
		build := w.fromWire
		check := func(of *bounds.Message, data []byte) error { _, err := within.CheckWire(of, data); return err }
		if strings.HasPrefix(name, "json") {
			check, build = within.CheckJSON, w.fromJSON
		}
		become := allocated(func() { _, _ = build(small[name]) }) / uint64(len(small[name]))
		var refused error
		cost := allocated(func() { refused = check(w.message, data) })
		t.Logf("%s: each byte would become %d; %d KiB to see that %v", name, become, cost>>10, refused)
		if refused == nil || become < 25 {
			t.Errorf("%s: %v, and each byte would become %d", name, refused, become)
		}
		if most := uint64(64 << 10); cost > most {
			t.Errorf("%s: %d bytes to refuse it", name, cost)
		}
	}
}

// allocated is what f allocates, in bytes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestMost: what is just within the bounds costs little to build.
func TestMost(t *testing.T) { //nolint:paralleltest // it measures what the process allocates
	w := newWorld(t)
	within := bounds.Bounds{Depth: 100, Elements: 10_000}
	inner := []byte(strings.Repeat("\x0a\x02\x12\x00", 4)) // they become one
	data := []byte{}
	for range within.Elements {
		data = appendMessage(data, 3, inner)
	}
	if _, err := within.CheckWire(w.message, data); err != nil {
		t.Fatal(err)
	}
	cost := allocated(func() { _, _ = w.fromWire(data) })
	t.Logf("%d KiB become %d MiB", len(data)>>10, cost>>20)
	if most := uint64(48 << 20); cost > most {
		t.Errorf("%d MiB", cost>>20)
	}
	if _, err := within.CheckWire(w.message, append(data, 0x1a, 0)); err == nil {
		t.Error("one element more is not refused")
	}
}

// TestBroken: what is cut off or malformed is refused as that.
func TestBroken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	within := bounds.Bounds{Depth: 3, Elements: 3} // so that all of it is looked at
	for text, want := range map[string]string{
		`{"nodes": [`: "syntax error", `{"nodes": [}`: "syntax error", `{"nodes": [{}]]`: "syntax error", `{"left": {"left": {"left": {}}}}`: "deeper than 3 levels",
		`{"texts": ["a", "b", "c", "d"]}`: "more than 3 elements", `{"aText": [[[[[[]]]]]]}`: "deeper", `{"left": [[[[[[]]]]]]}`: "deeper", `{"left": {`: "syntax error",
		`{"unknown": {"a": {"b": {}}}}`: "deeper",
	} {
		err := within.CheckJSON(w.message, []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for _, wire := range []string{"\x1a", "\x1a\x05", "\x22\x01\xff", "\x22\x02\x12\x05", "\x00", "\x5b", "\x0a\x01\xff"} {
		if _, err := within.CheckWire(w.message, []byte(wire)); err == nil || !strings.Contains(err.Error(), "read request") {
			t.Errorf("%x: %v", wire, err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	w := newWorld(b)
	within := bounds.Bounds{Depth: 100, Elements: 10_000}
	text := []byte(`{"aText": "0123456789abcdef", "numbers": [1, 2, 3], "left": {"texts": ["some", "text"]}, "at": "2026-01-01T00:00:00Z"}`)
	m, err := w.fromJSON(text)
	if err != nil {
		b.Fatal(err)
	}
	wire, err := proto.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	tight := bounds.Bounds{Depth: 10, Elements: 10}
	for name, f := range map[string]func() error{
		"wire": func() error { _, err := within.CheckWire(w.message, wire); return err }, "json": func() error { return within.CheckJSON(w.message, text) },
		"json, closely": func() error { return tight.CheckJSON(w.message, text) },
		"build wire":    func() error { _, err := w.fromWire(wire); return err }, "build json": func() error { _, err := w.fromJSON(text); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
