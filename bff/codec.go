package bff

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// response is a response message in wire bytes. No message is built for clients that speak Protobuf.
type response struct {
	wire       []byte
	descriptor protoreflect.MessageDescriptor
}

// message builds the message, for clients that speak JSON.
func (r *response) message(types *dynamicpb.Types) (*dynamicpb.Message, error) {
	message := dynamicpb.NewMessage(r.descriptor)
	if err := (proto.UnmarshalOptions{Resolver: types}).Unmarshal(r.wire, message); err != nil {
		return nil, fmt.Errorf("read response: %w", err)
	}
	return message, nil
}

// maxDepth bounds the nesting of request messages.
const maxDepth = 100

// protoCodec is Connect's Protobuf codec, with responses that are in wire bytes already.
type protoCodec struct {
	types *dynamicpb.Types
}

// Name implements connect.Codec.
func (protoCodec) Name() string { return "proto" }

// Marshal implements connect.Codec.
func (protoCodec) Marshal(message any) ([]byte, error) {
	switch message := message.(type) {
	case *response:
		return message.wire, nil
	case proto.Message:
		return proto.Marshal(message)
	default:
		return nil, fmt.Errorf("marshal: %T is no message", message)
	}
}

// Unmarshal implements connect.Codec.
func (c protoCodec) Unmarshal(data []byte, message any) error {
	target, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("unmarshal: %T is no message", message)
	}
	return (proto.UnmarshalOptions{Resolver: c.types, RecursionLimit: maxDepth}).Unmarshal(data, target)
}

// jsonCodec is protobuf's JSON mapping. Unlike Connect's own it knows the types of the contract inside Any, refuses
// unknown fields, and always gives the same bytes for the same message.
type jsonCodec struct {
	name  string
	types *dynamicpb.Types
}

// Name implements connect.Codec.
func (c jsonCodec) Name() string { return c.name }

// Marshal implements connect.Codec.
func (c jsonCodec) Marshal(message any) ([]byte, error) {
	var target proto.Message
	switch message := message.(type) {
	case *response:
		built, err := message.message(c.types)
		if err != nil {
			return nil, err
		}
		target = built
	case proto.Message:
		target = message
	default:
		return nil, fmt.Errorf("marshal: %T is no message", message)
	}
	raw, err := protojson.MarshalOptions{Resolver: c.types}.Marshal(target)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil { // protojson varies its spaces on purpose
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return compact.Bytes(), nil
}

// Unmarshal implements connect.Codec.
func (c jsonCodec) Unmarshal(data []byte, message any) error {
	target, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("unmarshal: %T is no message", message)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("body is empty; an empty request is {}")
	}
	if err := (protojson.UnmarshalOptions{Resolver: c.types, RecursionLimit: maxDepth}).Unmarshal(data, target); err != nil {
		return errors.New(plainJSONError(err))
	}
	return nil
}

// plainJSONError is protojson's message without its prefix, whose space varies on purpose.
func plainJSONError(err error) string {
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return strings.TrimPrefix(text, "proto: ")
}

// codecs are the codecs of every handler.
func (w *world) codecs() connect.HandlerOption {
	return connect.WithHandlerOptions(
		connect.WithCodec(protoCodec{w.types}),
		connect.WithCodec(jsonCodec{"json", w.types}),
		connect.WithCodec(jsonCodec{"json; charset=utf-8", w.types}),
	)
}
