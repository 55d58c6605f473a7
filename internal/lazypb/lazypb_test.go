package lazypb_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/internal/bounds"
	"github.com/sheaf-rpc/sheaf/internal/lazypb"
)

const contract = `edition = "2023";
package lazy.v1;
option features.field_presence = IMPLICIT;
enum Open { OPEN_UNSPECIFIED = 0; OPEN_ONE = 1; }
enum Closed { option features.enum_type = CLOSED; CLOSED_UNSPECIFIED = 0; CLOSED_ONE = 1; }
message All {
  bool a_bool = 1; int32 an_int32 = 2; sint32 a_sint32 = 3; uint32 a_uint32 = 4; int64 an_int64 = 5; sint64 a_sint64 = 6; uint64 a_uint64 = 7;
  fixed32 a_fixed32 = 8; sfixed32 a_sfixed32 = 9; fixed64 a_fixed64 = 10; sfixed64 a_sfixed64 = 11; float a_float = 12; double a_double = 13;
  string a_text = 14; bytes some_bytes = 15; Open open = 16;
}
message Node {
  All all = 1;
  Node node = 2;
  bool a_bool = 3 [features.field_presence = EXPLICIT]; int32 an_int32 = 4 [features.field_presence = EXPLICIT, default = 7]; string a_text = 5 [features.field_presence = EXPLICIT, default = "default"];
  bytes some_bytes = 6 [features.field_presence = EXPLICIT]; Closed closed = 7 [features.field_presence = EXPLICIT]; double a_double = 8 [features.field_presence = EXPLICIT];
  repeated string texts = 9; repeated sint64 packed = 10; repeated fixed32 halves = 11; repeated int32 loose = 12 [features.repeated_field_encoding = EXPANDED];
  map<string, Node> named = 13;
  oneof either { string one = 14; Node other = 15; }
  Node group = 16 [features.message_encoding = DELIMITED];
  string raw = 17 [features.utf8_validation = NONE];
  Strict strict = 18;
  extensions 100 to 110;
}
message Strict { int32 needed = 1 [features.field_presence = LEGACY_REQUIRED]; }
extend Node { string more = 100; }
`

// world is a contract with every kind of field.
type world struct {
	node   protoreflect.MessageDescriptor
	types  *dynamicpb.Types
	counts *bounds.Message
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{"lazy.proto": contract})}}
	compiled, err := compiler.Compile(tb.Context(), "lazy.proto")
	if err != nil {
		tb.Fatal(err)
	}
	file, err := protodesc.NewFile(protodesc.ToFileDescriptorProto(compiled[0]), nil)
	if err != nil {
		tb.Fatal(err)
	}
	files := &protoregistry.Files{}
	if err := files.RegisterFile(file); err != nil {
		tb.Fatal(err)
	}
	node := file.Messages().ByName("Node")
	return &world{node: node, types: dynamicpb.NewTypes(files), counts: bounds.NewTypes(files).Message(node)}
}

func (w *world) lazy(wire []byte) *lazypb.Message {
	message := &lazypb.Message{}
	message.Init(w.node, w.types)
	message.Keep(wire)
	return message
}

// isPlain reports whether bytes may be kept.
func (w *world) isPlain(wire []byte) bool {
	plain, err := bounds.Bounds{Depth: 100, Elements: 10_000}.CheckWire(w.counts, wire)
	return plain && err == nil
}

// differences are the fields that a message says something else of than one that was built.
func differences(path string, lazy, built protoreflect.Message) (fields []string) {
	for i := range built.Descriptor().Fields().Len() {
		field := built.Descriptor().Fields().Get(i)
		name := path + string(field.Name())
		switch {
		case lazy.Has(field) != built.Has(field):
			fields = append(fields, fmt.Sprintf("%s is set: %t", name, lazy.Has(field)))
		case field.Message() != nil && !field.IsList() && !field.IsMap():
			if built.Has(field) {
				fields = append(fields, differences(name+".", lazy.Get(field).Message(), built.Get(field).Message())...)
			}
		case !lazy.Get(field).Equal(built.Get(field)):
			fields = append(fields, fmt.Sprintf("%s is %v, not %v", name, lazy.Get(field), built.Get(field)))
		}
		if kept, ok := lazy.(*lazypb.Message); ok {
			if text, ok := kept.Text(field); ok && string(text) != built.Get(field).String() {
				fields = append(fields, fmt.Sprintf("%s has the text %q", name, text))
			}
		}
	}
	return fields
}

func (w *world) wire(tb testing.TB, text string) []byte {
	tb.Helper()
	message := dynamicpb.NewMessage(w.node)
	if err := (prototext.UnmarshalOptions{Resolver: w.types, AllowPartial: true}).Unmarshal([]byte(text), message); err != nil {
		tb.Fatal(err)
	}
	wire, err := proto.MarshalOptions{AllowPartial: true}.Marshal(message)
	if err != nil {
		tb.Fatal(err)
	}
	return wire
}

// plain are messages with everything that can be kept.
var plain = []string{
	"", `all {}`, `all { a_bool: true an_int32: -1 a_sint32: -2 a_uint32: 3 an_int64: -4 a_sint64: -5 a_uint64: 6 a_fixed32: 7 a_sfixed32: -8 a_fixed64: 9 a_sfixed64: -10 }`,
	`all { a_float: -0.0 a_double: nan a_text: "é" some_bytes: "\xff" open: OPEN_ONE }`, `all { a_double: -0.0 a_float: 1.5 }`, `node { node { a_text: "x" } }`,
	`a_bool: false an_int32: 0 a_text: "" some_bytes: "" closed: CLOSED_UNSPECIFIED a_double: 0`, `texts: "a" texts: "b" packed: -1 packed: 300 halves: 7 loose: 1 loose: 2`, `one: "x"`,
	`other { a_text: "x" }`,
}

// notPlain are messages of which only the decoder knows.
var notPlain = map[string]string{
	"a map": `named { key: "a" value {} }`, "a group": `group { a_text: "x" }`, "an extension": `[lazy.v1.more]: "x"`, "a required field": `strict { needed: 1 }`,
	"a missing one": `strict {}`, "no UTF-8": `raw: "\xff"`,
}

// TestPlain: what is read of the bytes is what is read of the message that is built of them.
func TestPlain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, text := range plain {
		wire := w.wire(t, text)
		if !w.isPlain(wire) {
			t.Errorf("%s is not plain", text)
		}
		built := dynamicpb.NewMessage(w.node)
		if err := proto.Unmarshal(wire, built); err != nil {
			t.Fatal(err)
		}
		if fields := differences("", w.lazy(wire), built); fields != nil {
			t.Errorf("%s: %v", text, fields)
		}
		if again := w.lazy(wire); !proto.Equal(again, built) && built.Descriptor() != nil && !isNaN(built) {
			t.Errorf("%s is not the message that is built of it", text)
		}
	}
	for what, text := range notPlain {
		if w.isPlain(w.wire(t, text)) {
			t.Errorf("%s is plain", what)
		}
	}
}

func isNaN(message protoreflect.Message) bool {
	all := message.Get(message.Descriptor().Fields().ByName("all")).Message()
	return math.IsNaN(all.Get(all.Descriptor().Fields().ByName("a_double")).Float())
}

// TestMerged: a field that is there several times is what all of them make together.
func TestMerged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wire := slices.Concat(
		w.wire(t, `an_int32: 1 node { a_text: "first" an_int32: 3 } one: "x"`), w.wire(t, `an_int32: 2 node { an_int32: 4 } other { a_text: "y" }`),
		protowire.AppendVarint(protowire.AppendTag(nil, 5, protowire.VarintType), 9), // a text is no number
	)
	built := dynamicpb.NewMessage(w.node)
	if err := proto.Unmarshal(wire, built); err != nil || !w.isPlain(wire) {
		t.Fatal(err, w.isPlain(wire))
	}
	if fields := differences("", w.lazy(wire), built); fields != nil {
		t.Error(fields)
	}
}

// TestChange: what has been changed is not read of the bytes any more.
func TestChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	field := w.node.Fields().ByName("a_text")
	message := w.lazy(w.wire(t, `a_text: "before" an_int32: 3`))
	message.Set(field, protoreflect.ValueOfString("after"))
	if got := message.Get(field).String(); got != "after" {
		t.Errorf("it is %q", got)
	}
	message.Clear(field)
	if message.Has(field) || !message.Has(w.node.Fields().ByName("an_int32")) {
		t.Error("clearing a field does not clear that field alone")
	}
	if copied := proto.CloneOf[proto.Message](message); !proto.Equal(copied, message) {
		t.Error("a copy is another message")
	}
}

// TestNoCopies: reading a field builds nothing.
func TestNoCopies(t *testing.T) { //nolint:paralleltest // it measures what the process allocates
	w := newWorld(t)
	message := w.lazy(w.wire(t, `a_text: "some text" an_int32: 3 texts: "a"`))
	text, number := w.node.Fields().ByName("a_text"), w.node.Fields().ByName("an_int32")
	read := func() {
		if content, ok := message.Text(text); !ok || string(content) != "some text" || message.Get(number).Int() != 3 || !message.Has(number) {
			t.Error("a field cannot be read")
		}
	}
	if most := testing.AllocsPerRun(100, read); most > 0 {
		t.Errorf("%v allocations", most)
	}
}

// FuzzPlain: whatever is plain can be read by Protobuf's decoder, and says the same field by field.
func FuzzPlain(f *testing.F) {
	w := newWorld(f)
	for _, text := range plain {
		f.Add(w.wire(f, text))
	}
	for _, text := range notPlain {
		f.Add(w.wire(f, text))
	}
	f.Add([]byte{0x52, 3, 1, 0x80, 1, 0x52, 1, 0x80, 0x5a, 3, 0, 0, 0, 0x28, 1, 0x7d, 1, 0, 0, 0})
	f.Add([]byte("\x12\x02\x20\x01\x12\x02\x20\x02\x72\x01a\x7a\x00\xf8\xff\xff\xff\x0f\x01"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		if !w.isPlain(wire) {
			return
		}
		built := dynamicpb.NewMessage(w.node)
		if err := (proto.UnmarshalOptions{Resolver: w.types, RecursionLimit: 301}).Unmarshal(wire, built); err != nil {
			t.Fatalf("%x is plain, but: %v", wire, err)
		}
		if fields := differences("", w.lazy(wire), built); fields != nil {
			t.Errorf("%x: %v", wire, fields)
		}
	})
}
