package bff

import (
	"context"
	"fmt"
	"time"

	"github.com/sheaf-rpc/sheaf/aggregate"
	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/lazypb"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// CallReport is an RPC's response and how it came about.
type CallReport struct {
	// Response is the response message in protobuf's JSON mapping.
	Response []byte
	// Partial says what is missing; nil if nothing is.
	Partial *sheafv1.Partial
	// Drifts say what Partial calls drifts in the words of the upstream.
	Drifts []aggregate.Drift
	// Calls are what became of each call, in the order of the binding.
	Calls []aggregate.CallResult
}

// Call runs one RPC in process, without a listener: the request in protobuf's JSON mapping, by the RPC's full or short
// name. Whoever holds the server may do everything, so that the policy is not asked and no field is hidden, and the caller is anonymous; but the
// request has to be valid as one from outside, or else the error is a *connect.Error.
func (s *Server) Call(ctx context.Context, rpc string, requestJSON []byte) (*CallReport, error) {
	w := s.enter()
	defer w.leave()
	found, err := w.plan.Lookup(rpc)
	if err != nil {
		return nil, err
	}
	procedure := w.procedures[found.Name()]
	method := procedure.plan.Method
	codec := jsonCodec{w.requests(method), "json", w.responseTypes.Writer(method.Output())}
	request := &lazypb.Message{}
	request.Init(codec.descriptor, codec.types)
	if err := codec.Unmarshal(requestJSON, request); err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	if err := policy.CheckRequest(procedure.validator, request); err != nil {
		return nil, err
	}
	ctx = policy.With(ctx, &policy.Call{RPC: procedure.plan.Name(), Arrived: time.Now(), Caller: identity.Anonymous()})
	ctx, cancel := context.WithTimeout(ctx, procedure.timeout)
	defer cancel()
	result, err := procedure.run(ctx, aggregate.Input{Request: request, Caller: callerOf(ctx)})
	if err != nil {
		return nil, err
	}
	raw, err := codec.Marshal(&response{result.Message})
	if err != nil {
		return nil, err
	}
	return &CallReport{Response: raw, Partial: result.Partial, Drifts: result.Drifts, Calls: result.Calls}, nil
}
