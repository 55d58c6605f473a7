package wirejson

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// generator makes wire bytes of messages out of bytes that a fuzzer changes, or that are random. After their end all choices are 0.
type generator struct {
	entropy []byte
	files   interface {
		FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error)
	}
	// isClean leaves out what an encoder never writes.
	isClean bool
}

func (g *generator) byte() byte {
	if len(g.entropy) == 0 {
		return 0
	}
	b := g.entropy[0]
	g.entropy = g.entropy[1:]
	return b
}

// below is a choice.
func (g *generator) below(n int) int { return int(g.byte()) % n }

// rarely is true once in 32 times where there may be something unclean.
func (g *generator) rarely() bool { return !g.isClean && g.byte()%32 == 1 }

func (g *generator) number() uint64 {
	numbers := []uint64{0, 1, 2, 3, 127, 128, 255, 1 << 31, 1<<31 - 1, 1<<32 - 1, 1 << 32, 1<<53 + 1, 1 << 63, 1<<63 - 1, 1<<64 - 1}
	for _, float := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1.5, -1e-6, 9.99e-7, 1e-7, 1e-10, 1e21, 9.99e20, 1e100, 5e-324, 0.1} {
		numbers = append(numbers, math.Float64bits(float), uint64(math.Float32bits(float32(float))))
	}
	switch choice := g.below(len(numbers) + 2); choice {
	case 0, 1:
		return uint64(g.byte())
	case 2:
		var eight [8]byte
		for i := range eight {
			eight[i] = g.byte()
		}
		return binary.LittleEndian.Uint64(eight[:])
	default:
		return numbers[choice-2]
	}
}

// text has what is escaped, and what looks like it.
func (g *generator) text() []byte {
	parts := []string{
		"a", "name", "", "\"", "\\", "\n", "\x00", "\x1f", "\x7f", "é", "\u2028", "<&>", "\ufffd", "😀", "plain enough to fill eight bytes", "/", "\t\r\b\f",
		"snake_case", "a.b_c", ".", ",", "\ue000", "1",
	}
	var text []byte
	for range g.below(6) {
		text = append(text, parts[g.below(len(parts))]...)
	}
	if g.rarely() {
		text = append(text, 0x80|g.byte())
	}
	return text
}

// message makes the fields of a message.
func (g *generator) message(of protoreflect.MessageDescriptor, depth int) []byte {
	if len(g.entropy) == 0 || depth == 0 {
		return g.least(of)
	}
	switch of.FullName() {
	case "google.protobuf.Any":
		return g.any(depth)
	case "google.protobuf.Timestamp", "google.protobuf.Duration":
		if g.isClean || g.below(4) > 0 {
			return g.moment()
		}
	case "google.protobuf.FieldMask":
		if g.isClean {
			return protowire.AppendString([]byte{1<<3 | 2}, "a_path.with_names")
		}
	case "google.protobuf.Value":
		if g.isClean {
			return g.one(of, depth)
		}
	}
	return g.fields(of, depth)
}

// least is a message as small as may be.
func (g *generator) least(of protoreflect.MessageDescriptor) []byte {
	switch of.FullName() {
	case "google.protobuf.Value":
		return []byte{1 << 3, 0}
	case "kinds.v1.Older":
		return []byte{1 << 3, 5, 7<<3 | 2, 1, 'T'}
	case "kinds.v1.Newer":
		return []byte{3 << 3, 5}
	default:
		return nil
	}
}

func (g *generator) one(of protoreflect.MessageDescriptor, depth int) []byte {
	f := of.Fields().Get(g.below(of.Fields().Len()))
	if f.Kind() == protoreflect.DoubleKind {
		return protowire.AppendFixed64(protowire.AppendTag(nil, f.Number(), protowire.Fixed64Type), uint64(g.byte())<<48)
	}
	return g.field(nil, f, depth)
}

func (g *generator) fields(of protoreflect.MessageDescriptor, depth int) []byte {
	var made []byte
	met := map[protoreflect.FullName]bool{}
	if !g.rarely() {
		made = g.least(of)
	}
	if g.isClean && made != nil || of.Fields().Len() == 0 {
		return made
	}
	for range g.below(8) {
		f := of.Fields().Get(g.below(of.Fields().Len()))
		name := f.FullName()
		if oneof := f.ContainingOneof(); oneof != nil {
			name = oneof.FullName()
		}
		if met[name] && (g.isClean || g.below(4) > 0) {
			continue
		}
		met[name] = true
		if f.IsList() || f.IsMap() {
			times := g.below(4)
			if g.isClean && f.IsMap() {
				times = min(times, 1) // or a key might be there twice
			}
			for range times {
				made = g.field(made, f, depth)
			}
			continue
		}
		made = g.field(made, f, depth)
	}
	if g.rarely() {
		made = g.strange(made)
	}
	return made
}

// strange is a field that is not known, or not well.
func (g *generator) strange(made []byte) []byte {
	switch g.below(8) {
	case 0:
		return append(made, 77<<3&0x7f|0x80, 77>>4, 1)
	case 1: // an extension
		return protowire.AppendString(protowire.AppendTag(made, 100, protowire.BytesType), "note")
	case 2: // a group
		return append(protowire.AppendTag(made, 300, protowire.StartGroupType), protowire.AppendTag(nil, 300, protowire.EndGroupType)...)
	case 3: // in more bytes than it needs
		return append(made, 0x88, 0x80, 0x00, 0x81, 0x00)
	case 4:
		return append(made, g.byte())
	case 5:
		return protowire.AppendVarint(protowire.AppendTag(made, protowire.Number(1+g.below(40)), protowire.VarintType), g.number())
	case 6:
		return protowire.AppendBytes(protowire.AppendTag(made, protowire.Number(1+g.below(40)), protowire.BytesType), g.text())
	default:
		return protowire.AppendVarint(protowire.AppendTag(made, protowire.Number(101), protowire.VarintType), g.number())
	}
}

// field appends a field with its tag.
func (g *generator) field(made []byte, f protoreflect.FieldDescriptor, depth int) []byte {
	if f.IsMap() {
		made = protowire.AppendTag(made, f.Number(), protowire.BytesType)
		return protowire.AppendBytes(made, g.entry(f, depth))
	}
	kind := wireTypes[f.Kind()]
	isPacked := f.IsList() && kind != protowire.BytesType && kind != protowire.StartGroupType && g.below(2) == 0
	if isPacked {
		var packed []byte
		for range g.below(5) {
			packed = g.value(packed, f, depth)
		}
		return protowire.AppendBytes(protowire.AppendTag(made, f.Number(), protowire.BytesType), packed)
	}
	return g.value(protowire.AppendTag(made, f.Number(), kind), f, depth)
}

func (g *generator) entry(f protoreflect.FieldDescriptor, depth int) []byte {
	var entry []byte
	if g.isClean || g.below(8) > 0 {
		entry = g.field(entry, f.MapKey(), depth)
	}
	if g.isClean || g.below(8) > 0 {
		entry = g.field(entry, f.MapValue(), depth)
	}
	if g.rarely() {
		entry = g.strange(entry)
	}
	return entry
}

func (g *generator) value(made []byte, f protoreflect.FieldDescriptor, depth int) []byte {
	switch wireTypes[f.Kind()] {
	case protowire.VarintType:
		return protowire.AppendVarint(made, g.number())
	case protowire.Fixed32Type:
		return protowire.AppendFixed32(made, uint32(g.number()))
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(made, g.number())
	case protowire.StartGroupType:
		return protowire.AppendGroup(made, f.Number(), g.message(f.Message(), depth-1))
	default:
		if f.Message() != nil {
			return protowire.AppendBytes(made, g.message(f.Message(), depth-1))
		}
		return protowire.AppendBytes(made, g.text())
	}
}

// moment is a Timestamp or a Duration.
func (g *generator) moment() []byte {
	seconds := []uint64{0, 1, 1 << 30, 253402300799, 315576000000}
	nanos := []uint64{0, 1, 1000, 1000000, 999999999, 120000000, 123456789, 120}
	if g.isClean {
		seconds = seconds[:4]
	} else {
		minus := func(n int64) uint64 { return uint64(-n) }
		seconds = append(seconds, 253402300800, 315576000001, minus(1), minus(62135596800), minus(62135596801), minus(315576000000), minus(315576000001))
		nanos = append(nanos, 1000000000, minus(1), minus(999999999), minus(1000000000), 1<<40)
	}
	made := protowire.AppendVarint([]byte{1 << 3}, seconds[g.below(len(seconds))])
	return protowire.AppendVarint(append(made, 2<<3), nanos[g.below(len(nanos))])
}

// any is a message with the name of its type.
func (g *generator) any(depth int) []byte {
	names := []protoreflect.FullName{
		"kinds.v1.Kinds", "kinds.v1.Empty", "kinds.v1.Maps", "google.protobuf.Any", "google.protobuf.Timestamp", "google.protobuf.Struct", "google.protobuf.Empty",
		"google.protobuf.StringValue", "google.protobuf.Value", "kinds.v1.Older", "kinds.v1.Newer",
	}
	if g.rarely() {
		names = append(names, "kinds.v1.Nothing", "kinds.v1.Color", "")
	}
	name := names[g.below(len(names))]
	content := g.text()
	if found, err := g.files.FindDescriptorByName(name); err == nil {
		if of, ok := found.(protoreflect.MessageDescriptor); ok {
			content = g.message(of, depth-1)
		}
	}
	prefixes := []string{"type.googleapis.com/", "", "/", "a\"/b/"}
	url := prefixes[g.below(len(prefixes))] + string(name)
	made := protowire.AppendString([]byte{1<<3 | 2}, url)
	return protowire.AppendBytes(append(made, 2<<3|2), content)
}
