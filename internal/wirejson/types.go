package wirejson

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Resolver finds the messages inside google.protobuf.Any, and extensions. Its types are those of dynamicpb: generated ones read the
// unknown values of closed enums otherwise.
type Resolver interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// Types are the messages of a contract, as far as writing needs to know them. They are safe for concurrent use.
type Types struct {
	resolver Resolver
	runs     sync.Pool

	mu    sync.RWMutex
	known map[protoreflect.FullName]*message
	enums map[protoreflect.FullName]names
}

// names are an enum's values in JSON, by their numbers.
type names map[protoreflect.EnumNumber]string

// NewTypes knows no message yet.
func NewTypes(resolver Resolver) *Types {
	return &Types{resolver: resolver, known: map[protoreflect.FullName]*message{}, enums: map[protoreflect.FullName]names{}}
}

// message is a type of messages.
type message struct {
	// write appends a message's JSON. It reports false for what is left to protojson.
	write func(r *run, m *message, wire []byte) bool
	// isSpecial is set if the JSON is not an object of the fields.
	isSpecial bool
	// low are the fields with low numbers, by those; high are the others.
	low  []*field
	high map[protowire.Number]*field
	// required are the marks of all required fields.
	required   uint64
	extensions protoreflect.FieldRanges
}

// maxLow bounds the numbers that fields are looked up by in a slice.
const maxLow = 256

func (m *message) field(number protowire.Number) *field {
	if int(number) < len(m.low) {
		return m.low[number]
	}
	return m.high[number]
}

// field is a field of a message, or the key or the value of a map's entries.
type field struct {
	number protowire.Number
	// index is where it stands in the message's JSON.
	index int32
	// name is its name in JSON with the colon.
	name []byte
	kind protoreflect.Kind
	wire protowire.Type
	// isImplicit is set if its zero value is as good as none.
	isImplicit bool
	isList     bool
	isPackable bool
	// mark is a bit that is its own if it is required, and that of the oneof if it is in one. A mark may be met once in a message.
	mark uint64

	message *message // of messages and groups
	names   names    // of enums; nil for google.protobuf.NullValue
	// key and value are those of a map's entries; nil for any other field.
	key, value *field
	// initial is what a value is that its entry leaves out.
	initial uint64
}
