package projection

import (
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// ObjectEncoding takes an object whose members are named and typed as the fields of a message: what AppendMessage makes of
// one. Members that no field has are left out.
func ObjectEncoding(message protoreflect.MessageDescriptor) *Encoding {
	object := &object{message: message}
	return &Encoding{Expected: "a " + string(message.Name()), wire: protowire.BytesType, encode: func(dst []byte, value Value) ([]byte, bool) {
		dst, start := beginBytes(dst)
		dst, ok := object.append(dst, value)
		return endBytes(dst, start), ok
	}}
}

// object knows the fields of a message, from its first use on: messages may hold themselves.
type object struct {
	message protoreflect.MessageDescriptor
	once    sync.Once
	fields  map[string]objectField
}

type objectField struct {
	protoreflect.FieldDescriptor
	encoding *Encoding
	// keys is the encoding of a map's keys; nil if the field is none.
	keys *Encoding
}

func (o *object) load() {
	o.fields = map[string]objectField{}
	for i := range o.message.Fields().Len() {
		field := objectField{FieldDescriptor: o.message.Fields().Get(i)}
		value := field.FieldDescriptor
		if field.IsMap() {
			field.keys, value = EncodingOf(field.MapKey()), field.MapValue()
		}
		if field.encoding = EncodingOf(value); field.encoding == nil && value.Message() != nil {
			field.encoding = ObjectEncoding(value.Message())
		}
		o.fields[string(field.Name())] = field
	}
}

func (o *object) append(dst []byte, value Value) ([]byte, bool) {
	if value.kind != jsontext.KindBeginObject {
		return dst, false
	}
	o.once.Do(o.load)
	ok := true
	value.members(func(key []byte, member Value) bool {
		field, known := o.fields[string(key)]
		if !known || member.Missing() {
			return true
		}
		dst, ok = field.append(dst, member)
		return ok
	})
	return dst, ok
}

func (f objectField) append(dst []byte, value Value) ([]byte, bool) {
	switch {
	case f.IsMap():
		return f.appendEntries(dst, value)
	case f.IsList():
		return f.appendList(dst, value)
	}
	begin := len(dst)
	dst = protowire.AppendTag(dst, f.Number(), f.encoding.wire)
	tagged := len(dst)
	dst, ok := f.encoding.encode(dst, value)
	if ok && !f.HasPresence() && isZero(dst[tagged:]) {
		dst = dst[:begin]
	}
	return dst, ok
}

func (f objectField) appendList(dst []byte, list Value) ([]byte, bool) {
	if list.kind != jsontext.KindBeginArray {
		return dst, false
	}
	ok := true
	list.elements(func(_ int, element Value) bool {
		dst = protowire.AppendTag(dst, f.Number(), f.encoding.wire)
		dst, ok = f.encoding.encode(dst, element)
		return ok
	})
	return dst, ok
}

func (f objectField) appendEntries(dst []byte, entries Value) ([]byte, bool) {
	if entries.kind != jsontext.KindBeginObject {
		return dst, false
	}
	ok := true
	entries.members(func(key []byte, member Value) bool {
		dst = protowire.AppendTag(dst, f.Number(), protowire.BytesType)
		var start int
		dst, start = beginBytes(dst)
		dst = protowire.AppendTag(dst, mapEntryKey, f.keys.wire)
		if dst, ok = f.keys.encode(dst, keyValue(f.keys, key)); ok {
			dst = protowire.AppendTag(dst, mapEntryValue, f.encoding.wire)
			dst, ok = f.encoding.encode(dst, member)
		}
		dst = endBytes(dst, start)
		return ok
	})
	return dst, ok
}
