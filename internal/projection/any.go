package projection

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
)

// Resolver finds the messages of a contract by their names.
type Resolver interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// AnyEncoding takes an object whose member @type names a message of the contract, as protobuf's JSON mapping has it.
func AnyEncoding(types Resolver) *Encoding {
	options := protojson.UnmarshalOptions{Resolver: types, DiscardUnknown: true}
	return &Encoding{Expected: "an object with @type", wire: protowire.BytesType, encode: func(dst []byte, value Value) ([]byte, bool) {
		if value.kind != jsontext.KindBeginObject {
			return dst, false
		}
		message := &anypb.Any{}
		if err := options.Unmarshal(value.raw, message); err != nil {
			return dst, false
		}
		wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		return protowire.AppendBytes(dst, wire), err == nil
	}}
}

// MessageJSON is a message of the request in protobuf's JSON mapping, for upstreams that speak it.
type MessageJSON struct {
	From  *Request
	Types Resolver
}

// Value implements Operand.
func (m *MessageJSON) Value(scope *Scope) (Value, error) {
	message := m.From.message(scope.Request)
	if message == nil {
		return Value{}, nil
	}
	raw, err := protojson.MarshalOptions{Resolver: m.Types}.Marshal(message.Interface())
	if err != nil {
		return Value{}, fmt.Errorf("write %s: %w", m.From, err)
	}
	compact := jsontext.Value(raw)
	if err := compact.Compact(); err != nil { // protojson varies its spaces on purpose
		return Value{}, fmt.Errorf("write %s: %w", m.From, err)
	}
	return jsonValue(compact), nil
}

func (m *MessageJSON) String() string { return m.From.String() }
