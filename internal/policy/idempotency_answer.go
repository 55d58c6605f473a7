package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"connectrpc.com/connect"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// keptAnswer is what is kept of a request that is done: a response, or a failure after which nobody knows what was done.
type keptAnswer struct {
	Header  http.Header `json:"header,omitempty"`
	Trailer http.Header `json:"trailer,omitempty"`
	// Message is a response of a type in wire bytes, or Failure a google.rpc.Status.
	Type    string `json:"type,omitempty"`
	Message []byte `json:"message,omitempty"`
	Failure []byte `json:"failure,omitempty"`
}

func answerOf(codec ResponseCodec, response connect.AnyResponse) (*keptAnswer, error) {
	wire, err := codec.Wire(response)
	if err != nil {
		return nil, err
	}
	return &keptAnswer{Header: response.Header(), Trailer: response.Trailer(), Type: codec.Type, Message: wire}, nil
}

func failureAnswer(told *connect.Error) (*keptAnswer, error) {
	status := &spb.Status{Code: int32(told.Code()), Message: told.Message()}
	for _, detail := range told.Details() {
		status.Details = append(status.Details, &anypb.Any{TypeUrl: "type.googleapis.com/" + detail.Type(), Value: detail.Bytes()})
	}
	wire, err := proto.Marshal(status)
	if err != nil {
		return nil, fmt.Errorf("write failure: %w", err)
	}
	return &keptAnswer{Header: told.Meta(), Failure: wire}, nil
}

func (a *keptAnswer) encode() ([]byte, error) {
	plain, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("write answer: %w", err)
	}
	return plain, nil
}

func parseAnswer(plain []byte) (*keptAnswer, error) {
	var found keptAnswer
	if err := json.Unmarshal(plain, &found); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return &found, nil
}

// give gives the answer once more, and says so. One of another type is from another contract: read as a message of this one it would say
// what is not so, and show what is hidden.
func (a *keptAnswer) give(codec ResponseCodec) (connect.AnyResponse, error) {
	if a.Failure == nil && a.Type != codec.Type {
		return nil, otherContract()
	}
	if a.Failure == nil {
		response := codec.Response(a.Message)
		maps.Copy(response.Header(), a.Header)
		maps.Copy(response.Trailer(), a.Trailer)
		response.Header().Set(ReplayedHeader, "true")
		return response, nil
	}
	var status spb.Status
	if err := proto.Unmarshal(a.Failure, &status); err != nil {
		return nil, unknownOutcome(nil)
	}
	told := connect.NewError(connect.Code(status.GetCode()), errors.New(status.GetMessage()))
	for _, detail := range status.GetDetails() {
		if passed, err := connect.NewErrorDetail(detail); err == nil {
			told.AddDetail(passed)
		}
	}
	maps.Copy(told.Meta(), a.Header)
	told.Meta().Set(ReplayedHeader, "true")
	return nil, told
}
