package bff

import (
	"encoding/json"
	"errors"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// strictJSON is protobuf's JSON mapping without Connect's leniency: an operator who misspells expire_time must not get a key that never
// ends.
type strictJSON struct{ name string }

var _ connect.Codec = strictJSON{}

// withStrictJSON refuses fields that the admin API has not.
func withStrictJSON() connect.HandlerOption {
	return connect.WithHandlerOptions(connect.WithCodec(strictJSON{"json"}), connect.WithCodec(strictJSON{"json; charset=utf-8"}))
}

// Name implements connect.Codec.
func (c strictJSON) Name() string { return c.name }

// Marshal implements connect.Codec.
func (strictJSON) Marshal(message any) ([]byte, error) {
	target, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("marshal: %T is no message", message)
	}
	raw, err := protojson.Marshal(target)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return raw, nil
}

// Unmarshal implements connect.Codec.
func (strictJSON) Unmarshal(data []byte, message any) error {
	target, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("unmarshal: %T is no message", message)
	}
	if !json.Valid(data) {
		return errors.New("body is no JSON; an empty request is {}")
	}
	if err := protojson.Unmarshal(data, target); err != nil {
		return errors.New(plainJSONError(err))
	}
	return nil
}
