package policy_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// tree has everything that a message can have: nesting, lists, maps, itself, groups, and what is only known when it comes.
const tree = `syntax = "proto2";
package t;
import "google/protobuf/any.proto";
import "sheaf/v1/partial.proto";
message Tree {
  optional string name = 1;
  optional int64 cost = 2;
  repeated Tree children = 3;
  map<string, Tree> named = 4;
  map<int32, string> words = 5;
  optional Leaf leaf = 6;
  repeated group Bunch = 7 {
    optional string color = 1;
    optional Leaf leaf = 2;
  }
  oneof one {
    string text = 8;
    Leaf chosen = 9;
  }
  optional google.protobuf.Any extra = 10;
  repeated sint32 numbers = 11 [packed = true];
  optional Plain plain = 12;
  optional sheaf.v1.Partial partial = 15;
}
message Leaf { optional string secret = 1; optional bytes shown = 2; repeated Plain plains = 3; }
message Plain { optional string a = 1; optional Plain b = 2; }
`

func compileTree(tb testing.TB) (*protoregistry.Files, func(name string) protoreflect.MessageDescriptor) {
	tb.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(protocompile.CompositeResolver{
		&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{"t.proto": tree})},
		protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
			file, err := protoregistry.GlobalFiles.FindFileByPath(path)
			return protocompile.SearchResult{Desc: file}, err
		}),
	})}
	compiled, err := compiler.Compile(tb.Context(), "t.proto")
	if err != nil {
		tb.Fatal(err)
	}
	files := &protoregistry.Files{}
	if err := files.RegisterFile(compiled[0]); err != nil {
		tb.Fatal(err)
	}
	return files, func(name string) protoreflect.MessageDescriptor {
		return compiled[0].Messages().ByName(protoreflect.Name(name))
	}
}

// fieldRules are rules that hide fields, each named as Message.field, or if allowed is set do not.
func fieldRules(tb testing.TB, allowed bool, of func(string) protoreflect.MessageDescriptor, fields ...string) []policy.FieldRule {
	tb.Helper()
	program := condition(tb, map[bool]string{true: "true", false: "caller.claims.nothing"}[allowed])
	var rules []policy.FieldRule
	for _, field := range fields {
		message, name, _ := bytes.Cut([]byte(field), []byte("."))
		descriptor := of(string(message)).Fields().ByName(protoreflect.Name(name))
		rules = append(rules, policy.FieldRule{Name: field, Allow: program, Fields: map[protoreflect.FullName][]protoreflect.FieldNumber{
			descriptor.ContainingMessage().FullName(): {descriptor.Number()},
		}})
	}
	return rules
}

func hidingOf(tb testing.TB, filter *policy.FieldFilter) *policy.Hiding {
	tb.Helper()
	call := callOf(identity.Anonymous())
	return filter.Hiding(tb.Context(), call, call.Facts(nil, time.Unix(0, 0)))
}

// reference takes fields out by reflection.
type reference struct {
	types  *dynamicpb.Types
	hidden map[protoreflect.FullName][]protoreflect.FieldNumber
	// broken is set once an Any has held what is no message.
	broken bool
}

func (r *reference) clear(message protoreflect.Message) {
	for _, number := range r.hidden[message.Descriptor().FullName()] {
		message.Clear(message.Descriptor().Fields().ByNumber(number))
	}
	message.SetUnknown(without(message.GetUnknown(), r.hidden[message.Descriptor().FullName()]))
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap() && field.MapValue().Message() != nil:
			value.Map().Range(func(_ protoreflect.MapKey, entry protoreflect.Value) bool { r.clear(entry.Message()); return true })
		case field.IsList() && field.Message() != nil:
			for i := range value.List().Len() {
				r.clear(value.List().Get(i).Message())
			}
		case field.Message() != nil && !field.IsMap():
			r.clear(value.Message())
		}
		return true
	})
	r.rewriteAny(message, r.clear)
}

// rewriteAny does something to the message that an Any holds; what holds no message becomes empty.
func (r *reference) rewriteAny(message protoreflect.Message, do func(protoreflect.Message)) {
	if message.Descriptor().FullName() != "google.protobuf.Any" {
		return
	}
	fields := message.Descriptor().Fields()
	held, err := r.types.FindMessageByURL(message.Get(fields.ByNumber(1)).String())
	if err != nil {
		return
	}
	inside := held.New()
	if readMessage(message.Get(fields.ByNumber(2)).Bytes(), inside.Interface()) != nil {
		message.Clear(fields.ByNumber(2))
		r.broken = true
		return
	}
	do(inside)
	raw, _ := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(inside.Interface())
	message.Set(fields.ByNumber(2), protoreflect.ValueOfBytes(raw))
}

// readMessage reads a message. Protobuf's decoder of dynamic messages panics at some that are malformed.
func readMessage(raw []byte, message proto.Message) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("recovered from a panic: %v", cause)
		}
	}()
	return proto.Unmarshal(raw, message)
}

// canonical writes what every Any holds in one way.
func (r *reference) canonical(message protoreflect.Message) {
	(&reference{types: r.types}).clear(message)
}

// checkRaw compares what is left of wire bytes as they come: with messages in several parts, and fields in any order.
func (r *reference) checkRaw(t *testing.T, hiding *policy.Hiding, raw []byte, descriptor protoreflect.MessageDescriptor) {
	t.Helper()
	want, got := dynamicpb.NewMessage(descriptor), dynamicpb.NewMessage(descriptor)
	if err := proto.Unmarshal(raw, want); err != nil {
		t.Fatal(err)
	}
	r.broken = false
	r.clear(want)
	if r.broken {
		return
	}
	filtered, err := hiding.Message(raw)
	if err != nil && strings.Contains(err.Error(), "in parts") {
		return // it is refused
	}
	if err == nil {
		err = proto.Unmarshal(filtered, got)
	}
	if err != nil {
		t.Fatalf("%x: %v", raw, err)
	}
	r.canonical(got)
	r.canonical(want)
	if !proto.Equal(got, want) {
		t.Errorf("of %x:\n%v, want\n%v", raw, got, want)
	}
}

// without are unknown fields but for those of some numbers, with tags as short as they can be.
func without(unknown []byte, numbers []protowire.Number) []byte {
	var kept []byte
	for len(unknown) > 0 {
		one, kind, tag := protowire.ConsumeTag(unknown)
		size := tag + protowire.ConsumeFieldValue(one, kind, unknown[tag:])
		if !slices.Contains(numbers, one) {
			kept = append(protowire.AppendTag(kept, one, kind), unknown[tag:size]...)
		}
		unknown = unknown[size:]
	}
	return kept
}

var hiddenSets = [][]string{
	{"Leaf.secret"}, {"Tree.cost"}, {"Tree.children"}, {"Tree.words"}, {"Bunch.color"}, {"Tree.chosen", "Leaf.shown"}, {"Tree.extra"},
	{"Leaf.secret", "Tree.cost", "Tree.numbers"}, {"Tree.named", "Leaf.plains"},
}

// FuzzFieldFilter: taking fields out of wire bytes is the same as clearing them in a message.
func FuzzFieldFilter(f *testing.F) {
	files, of := compileTree(f)
	named := func(name string) protoreflect.MessageDescriptor {
		if name == "Bunch" {
			return of("Tree").Messages().ByName("Bunch")
		}
		return of(name)
	}
	for i, seed := range []string{
		`{"name": "a", "cost": "7", "children": [{"cost": "8", "leaf": {"secret": "s", "shown": "AA=="}}, {}], "words": {"3": "w"}}`,
		`{"named": {"k": {"cost": "1", "chosen": {"secret": "s"}}, "l": {"text": "x"}}, "numbers": [1, -2], "plain": {"b": {"a": "x"}}}`,
		`{"bunch": [{"color": "red", "leaf": {"secret": "s", "plains": [{"a": "b"}]}}, {}]}`,
		`{"extra": {"@type": "type.example/t.Tree", "cost": "2", "extra": {"@type": "t.Leaf", "secret": "s"}}}`,
	} {
		message := dynamicpb.NewMessage(of("Tree"))
		if err := (protojson.UnmarshalOptions{Resolver: dynamicpb.NewTypes(files)}).Unmarshal([]byte(seed), message); err != nil {
			f.Fatal(err)
		}
		raw, err := proto.Marshal(message)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, byte(i))
		f.Add(append(raw, 0x98, 0x06, 0x01, 0x10, 0x05), byte(i+1)) // with an unknown field
	}
	types := dynamicpb.NewTypes(files)
	filters, references := make([]*policy.FieldFilter, len(hiddenSets)), make([]*reference, len(hiddenSets))
	for i, set := range hiddenSets {
		rules := fieldRules(f, false, named, set...)
		filters[i] = policy.NewFieldFilter(of("Tree"), files, rules)
		references[i] = &reference{types: types, hidden: map[protoreflect.FullName][]protoreflect.FieldNumber{}}
		for _, rule := range rules {
			for message, numbers := range rule.Fields {
				references[i].hidden[message] = append(references[i].hidden[message], numbers...)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, which byte) {
		filter, slow := filters[int(which)%len(filters)], references[int(which)%len(filters)]
		want, got := dynamicpb.NewMessage(of("Tree")), dynamicpb.NewMessage(of("Tree"))
		if readMessage(raw, want) != nil {
			_, _ = hidingOf(t, filter).Message(raw) // which must not panic
			return
		}
		slow.checkRaw(t, hidingOf(t, filter), raw, of("Tree"))
		slow.canonical(want)
		wire, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(wire)
		filtered, err := hidingOf(t, filter).Message(wire)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, wire) {
			t.Error("the response itself has changed")
		}
		if err := proto.Unmarshal(filtered, got); err != nil {
			t.Fatal(err)
		}
		slow.clear(want)
		slow.canonical(got)
		if !proto.Equal(got, want) {
			t.Errorf("%v of %s:\n%v, want\n%v", hiddenSets[int(which)%len(filters)], hex.EncodeToString(wire), got, want)
		}
	})
}

// TestAnyInParts: what an Any holds is not known from a part of it, so that a response with one in parts does not leave.
func TestAnyInParts(t *testing.T) {
	t.Parallel()
	files, of := compileTree(t)
	hiding := hidingOf(t, policy.NewFieldFilter(of("Tree"), files, fieldRules(t, false, of, "Leaf.secret")))
	field := func(dst []byte, number protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(dst, number, protowire.BytesType), content)
	}
	kind, value := field(nil, 1, []byte("type.example/t.Leaf")), field(nil, 2, field(nil, 1, []byte("secret")))
	const name, children, leaf, extra = 1, 3, 6, 10
	for text, test := range map[string]struct {
		wire []byte
		fine bool
	}{
		"whole":              {field(nil, extra, append(kind, value...)), true},
		"in two parts":       {field(field(nil, extra, kind), extra, value), false},
		"apart in two lists": {field(field(nil, children, field(nil, extra, kind)), children, field(nil, extra, value)), true},
		"below, in two":      {field(nil, children, field(field(nil, extra, kind), extra, value)), false},
		"no Any, in two":     {field(field(nil, leaf, field(nil, 1, []byte("secret"))), leaf, field(nil, 1, []byte("secret"))), true},
		"a text, twice":      {field(field(nil, name, []byte("a")), name, []byte("b")), true},
	} {
		got, err := hiding.Message(test.wire)
		if (err == nil) != test.fine {
			t.Errorf("%s: error %v", text, err)
		}
		if text != "apart in two lists" && bytes.Contains(got, []byte("secret")) { // there, the second has no type
			t.Errorf("%s: %q", text, got)
		}
	}
}

// TestNoFilter: who is about nothing in a response costs it nothing.
func TestNoFilter(t *testing.T) {
	t.Parallel()
	files, of := compileTree(t)
	if policy.NewFieldFilter(of("Plain"), files, fieldRules(t, false, of, "Leaf.secret", "Tree.cost")) != nil {
		t.Error("a filter for a message without hidden fields")
	}
	filter := policy.NewFieldFilter(of("Leaf"), files, fieldRules(t, true, of, "Leaf.secret", "Tree.cost"))
	if filter == nil || hidingOf(t, filter) != nil {
		t.Error("something is hidden from a caller that may see it")
	}
	hidden := policy.NewFieldFilter(of("Leaf"), files, fieldRules(t, false, of, "Leaf.secret", "Tree.cost"))
	call := callOf(identity.Anonymous())
	if hidden.Hiding(t.Context(), call, call.Facts(nil, time.Unix(0, 0))) == nil || len(call.Decisions) != 1 || call.Decisions[0].By != "Leaf.secret" {
		t.Errorf("decisions = %v", call.Decisions)
	}
}

// TestHiddenPartial: the report of what is missing names no hidden field, in the response nor beside it.
func TestHiddenPartial(t *testing.T) {
	t.Parallel()
	files, of := compileTree(t)
	hiding := hidingOf(t, policy.NewFieldFilter(of("Tree"), files, fieldRules(t, false, of, "Leaf.secret", "Tree.words")))
	report := func() *sheafv1.Partial {
		return &sheafv1.Partial{
			MissingCalls: []*sheafv1.MissingCall{{Call: "c", Fields: []string{"name", "leaf.secret", "children[].leaf.secret", "words", "leaf"}}},
			StaleCalls:   []*sheafv1.StaleCall{{Call: "d", Fields: []string{"named[].words", "named[].leaf.shown"}}},
			Drifts:       []*sheafv1.Drift{{Field: "children[3].words"}, {Field: `named["a.b"].leaf.secret`}, {Field: "children[3].cost"}, {Field: "none.such"}},
		}
	}
	want := &sheafv1.Partial{
		MissingCalls: []*sheafv1.MissingCall{{Call: "c", Fields: []string{"name", "leaf"}}},
		StaleCalls:   []*sheafv1.StaleCall{{Call: "d", Fields: []string{"named[].leaf.shown"}}},
		Drifts:       []*sheafv1.Drift{{Field: "children[3].cost"}, {Field: "none.such"}},
	}
	beside := report()
	if !hiding.Partial(beside) || !proto.Equal(beside, want) {
		t.Errorf("report = %v", beside)
	}
	raw, err := proto.Marshal(report())
	if err != nil {
		t.Fatal(err)
	}
	wire, err := hiding.Message(protowire.AppendBytes(protowire.AppendTag(nil, 15, protowire.BytesType), raw))
	if err != nil {
		t.Fatal(err)
	}
	var inside sheafv1.Partial
	content, _ := protowire.ConsumeBytes(wire[1:])
	if err := proto.Unmarshal(content, &inside); err != nil || !proto.Equal(&inside, want) {
		t.Errorf("report in the response = %v, %v", &inside, err)
	}
	all := hidingOf(t, policy.NewFieldFilter(of("Tree"), files, fieldRules(t, false, of, "Tree.partial")))
	if all.Partial(report()) {
		t.Error("the report is beside a response in which it is hidden")
	}
}

// BenchmarkFieldFilter: a response of 2 KB with one hidden field in each of 20 elements.
func BenchmarkFieldFilter(b *testing.B) {
	files, of := compileTree(b)
	filter := policy.NewFieldFilter(of("Tree"), files, fieldRules(b, false, of, "Leaf.secret"))
	message := dynamicpb.NewMessage(of("Tree"))
	element := `{"name": "a name of some length", "cost": "7", "leaf": {"secret": "hidden", "shown": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, "numbers": [1, 2, 3]}`
	if err := protojson.Unmarshal([]byte(`{"children": [`+string(bytes.Repeat([]byte(element+","), 19))+element+`]}`), message); err != nil {
		b.Fatal(err)
	}
	wire, err := proto.Marshal(message)
	if err != nil {
		b.Fatal(err)
	}
	hiding := hidingOf(b, filter)
	b.ReportAllocs()
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		if _, err := hiding.Message(wire); err != nil {
			b.Fatal(err)
		}
	}
}
