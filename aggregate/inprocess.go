package aggregate

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// inProcess calls another RPC, or a function.
func (a *attempt) inProcess(ctx context.Context, scope *projection.Scope) (*reply, *Failure) {
	if a.call.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.call.Timeout)
		defer cancel()
	}
	wire, reports, _ := a.call.Callee.Request.Append(nil, scope)
	if len(reports) > 0 {
		report := reports[0]
		return nil, &Failure{Reason: plan.ReasonDrift, Unsent: true, Err: fmt.Errorf(
			"fill request: field %s: %s: expected %s, found %s", report.Field, report.Origin, report.Expected, report.Found)}
	}
	if a.target.function != nil {
		return a.function(ctx, wire)
	}
	a.requests++
	rpc, failure := a.callee(scope)
	if failure != nil {
		return nil, failure
	}
	request := dynamicpb.NewMessage(a.call.Callee.Input)
	if err := proto.Unmarshal(wire, request); err != nil {
		return nil, &Failure{Reason: plan.ReasonDrift, Unsent: true, Err: fmt.Errorf("read request: %w", err)}
	}
	result, err := a.invoke(ctx, rpc, request)
	if err != nil {
		return nil, a.ownFields(failureOf(err))
	}
	return a.reply(result.Message, result)
}

// function calls a function, which may change something.
func (a *attempt) function(ctx context.Context, request []byte) (*reply, *Failure) {
	if failure := a.writes.begin(ctx); failure != nil {
		return nil, failure
	}
	a.requests++
	response, err := a.target.function.Call(ctx, request)
	if err != nil {
		failure := asFailure(err)
		a.writes.end(failure)
		return nil, a.ownFields(failure)
	}
	return a.reply(response, &Result{})
}

// invoke runs an RPC as if it had been called from outside.
func (r *run) invoke(ctx context.Context, rpc *RPC, request protoreflect.Message) (*Result, error) {
	if r.world.Validate != nil {
		if err := r.world.Validate(request); err != nil {
			return nil, err
		}
	}
	if rpc.plan.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, rpc.plan.Timeout)
		defer cancel()
	}
	return rpc.Run(ctx, Input{Request: request, Header: r.header, Caller: r.caller, Awaited: r.scope.Awaited, Lean: r.lean, Writes: r.writes})
}

// callee is the RPC of the binding that the call decides on.
func (a *attempt) callee(scope *projection.Scope) (*RPC, *Failure) {
	callee := a.call.Callee
	binding := callee.Otherwise
	if callee.From != nil {
		value, err := callee.From.Value(scope)
		if err != nil {
			return nil, &Failure{Reason: plan.ReasonDrift, Unsent: true, Err: fmt.Errorf("choose binding: %w", err)}
		}
		text, _ := value.Text()
		if name, known := callee.Table[text]; known {
			binding = name
		}
	}
	if rpc := a.target.rpcs[binding]; rpc != nil {
		return rpc, nil
	}
	return nil, &Failure{Reason: plan.ReasonUnimplemented, Unsent: true, Err: fmt.Errorf("binding %q of %s has no such RPC", binding, plan.Procedure(callee.Method))}
}

// reply is a response as the JSON that paths and expressions see.
func (a *attempt) reply(wire []byte, result *Result) (*reply, *Failure) {
	response := dynamicpb.NewMessage(a.call.Callee.Output)
	err := proto.Unmarshal(wire, response)
	var body []byte
	if err == nil {
		body, err = projection.AppendMessage(nil, response)
	}
	if err != nil {
		return nil, &Failure{Reason: plan.ReasonBadAnswer, Err: fmt.Errorf("read response: %w", err)}
	}
	a.freshness.note(result.Freshness)
	return &reply{body: body, inner: result.Partial.GetMissingCalls(), drifts: result.Drifts}, nil
}

// failureOf is what the failure of an RPC means to the call that reached it.
func failureOf(err error) *Failure {
	if wrong, ok := errors.AsType[*RequestError](err); ok {
		failure := &Failure{Reason: plan.ReasonRejected, Code: code.Code_INVALID_ARGUMENT, Message: wrong.Error(), Violations: wrong.Violations, Err: err, Unsent: true}
		if wrong.NotFound {
			failure.Code = code.Code_NOT_FOUND
		}
		if reason := wrong.Violations[0].Reason; reason != "" {
			failure.Reason = plan.Reason(reason)
		}
		return failure
	}
	if failed, ok := errors.AsType[*CallError](err); ok {
		inner := *failed.Failure
		inner.Err = err
		inner.OutOfTime = false // its own time may be shorter than ours
		return &inner
	}
	if _, ok := errors.AsType[*DriftError](err); ok {
		return &Failure{Reason: plan.ReasonDrift, Err: err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Failure{Reason: plan.ReasonTimeout, Retryable: true, Err: err}
	}
	return &Failure{Reason: plan.ReasonFailed, Err: err}
}

// ownFields gives the fields that a target is not content with back as the request fields that they came from. A field that
// came from none keeps its description alone.
func (a *attempt) ownFields(failure *Failure) *Failure {
	if len(failure.Violations) == 0 {
		return failure
	}
	own := *failure
	own.Violations = make([]Violation, len(failure.Violations))
	for i, violation := range failure.Violations {
		violation.Field = a.sentField(violation.Field)
		own.Violations[i] = violation
	}
	if failure.namesFields() || failure.Message == "" && !failure.OwnMessage && own.Code == code.Code_INVALID_ARGUMENT {
		own.Message = (&RequestError{Violations: own.Violations}).Error()
	}
	return &own
}

// sentField is the request field that fills a field of the target's; empty for none.
func (a *attempt) sentField(name string) string {
	for _, sent := range a.call.Sent[name] {
		if value, err := sent.From.Value(a.scope); err == nil && !value.Missing() {
			return sent.Field
		}
	}
	return ""
}
