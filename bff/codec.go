package bff

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/internal/bounds"
	"github.com/sheaf-rpc/sheaf/internal/lazypb"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/wirejson"
)

// response is a response message in wire bytes. No message is built of them: for clients that speak JSON, it is written from them.
type response struct{ wire []byte }

// requests is how requests of one type are read.
type requests struct {
	descriptor protoreflect.MessageDescriptor
	types      *dynamicpb.Types
	// message is what is counted of them before they are built, and within how much may be in one.
	message *bounds.Message
	within  bounds.Bounds
	// discard leaves out what the contract does not know.
	discard bool
}

// initialize makes a zero request an empty one.
func (r *requests) initialize(_ connect.Spec, message any) error {
	target, ok := message.(*lazypb.Message)
	if !ok {
		return fmt.Errorf("initialize request: %T is none", message)
	}
	target.Init(r.descriptor, r.types)
	return nil
}

// recursion is the limit that libraries keep to, whose levels are more than ours: maps and free-form values have levels of their own.
func (r *requests) recursion() int { return 3*r.within.Depth + 1 }

// protoCodec is Connect's Protobuf codec, with responses that are in wire bytes already.
type protoCodec struct{ *requests }

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

// Unmarshal implements connect.Codec. What is plain stays in its bytes, and anything else is for Protobuf's decoder to judge.
func (c protoCodec) Unmarshal(data []byte, message any) error {
	target, ok := message.(*lazypb.Message)
	if !ok {
		return fmt.Errorf("unmarshal: %T is no request", message)
	}
	plain, err := c.within.CheckWire(c.message, data)
	if err != nil {
		return err
	}
	if plain {
		target.Keep(bytes.Clone(data)) // the data's own bytes are used again
		return nil
	}
	return readWire(proto.UnmarshalOptions{Resolver: c.types, RecursionLimit: c.recursion()}, data, target.Built())
}

// readWire reads a message. Protobuf's decoder of dynamic messages panics at a map's entry whose second key is of another wire type.
func readWire(options proto.UnmarshalOptions, data []byte, target proto.Message) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("message cannot be read")
		}
	}()
	return options.Unmarshal(data, target)
}

// jsonCodec is protobuf's JSON mapping. Unlike Connect's own it knows the types of the contract inside Any, refuses
// unknown fields unless the project allows them, and always gives the same bytes for the same message.
type jsonCodec struct {
	*requests

	name string
	// responses writes those of the method.
	responses *wirejson.Writer
}

// Name implements connect.Codec.
func (c jsonCodec) Name() string { return c.name }

// Marshal implements connect.Codec.
func (c jsonCodec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

// MarshalAppend lets Connect keep the buffers of responses for later ones.
func (c jsonCodec) MarshalAppend(dst []byte, message any) ([]byte, error) {
	target, ok := message.(*response)
	if !ok {
		return nil, fmt.Errorf("marshal: %T is no response", message)
	}
	return c.responses.Append(dst, target.wire)
}

// Unmarshal implements connect.Codec.
func (c jsonCodec) Unmarshal(data []byte, message any) error {
	target, ok := message.(*lazypb.Message)
	if !ok {
		return fmt.Errorf("unmarshal: %T is no request", message)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("body is empty; an empty request is {}")
	}
	if err := c.within.CheckJSON(c.message, data); err != nil {
		return err
	}
	options := protojson.UnmarshalOptions{Resolver: c.types, RecursionLimit: c.recursion(), DiscardUnknown: c.discard}
	if err := options.Unmarshal(data, target.Built()); err != nil {
		return errors.New(plainJSONError(err))
	}
	return nil
}

// plainJSONError is protojson's message without its prefix, whose space varies on purpose. It may quote all of the request.
func plainJSONError(err error) string {
	text := strings.ReplaceAll(shortened(err.Error()), "\u00a0", " ")
	return strings.TrimPrefix(text, "proto: ")
}

// shortened is the beginning of a text that clients may have made long.
func shortened(text string) string {
	const most = 300
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// codecs are how a method's handler reads requests and writes responses.
func (w *world) codecs(method protoreflect.MethodDescriptor) connect.HandlerOption {
	requests, responses := w.requests(method), w.responseTypes.Writer(method.Output())
	return connect.WithHandlerOptions(
		connect.WithRequestInitializer(requests.initialize),
		connect.WithCodec(protoCodec{requests}),
		connect.WithCodec(jsonCodec{requests, "json", responses}),
		connect.WithCodec(jsonCodec{requests, "json; charset=utf-8", responses}),
	)
}

// requestTypes are the types of all requests, so that none is new later on.
func requestTypes(compiled *plan.Plan) *bounds.Types {
	types := bounds.NewTypes(compiled.Files)
	for _, service := range compiled.Services {
		for i := range service.Descriptor.Methods().Len() {
			types.Message(service.Descriptor.Methods().Get(i).Input())
		}
	}
	return types
}

func (w *world) requests(method protoreflect.MethodDescriptor) *requests {
	settings := &w.plan.Server
	return &requests{
		descriptor: method.Input(), types: w.types, message: w.requestTypes.Message(method.Input()),
		within: bounds.Bounds{Depth: settings.MaxDepth, Elements: settings.MaxElements}, discard: settings.AllowUnknownFields,
	}
}
