package aggregate

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// result is what the run gives. What cannot be told once the commit point is passed is not known, and never "not done".
func (r *run) result(ctx context.Context) (*Result, error) {
	if !r.committed.Load() {
		return r.project(ctx)
	}
	result, err := r.project(context.WithoutCancel(ctx))
	if err == nil {
		return result, nil
	}
	commit := r.plan.Calls[slices.IndexFunc(r.plan.Calls, func(call *plan.Call) bool { return call.Commit })]
	return nil, &CallError{RPC: r.plan, Call: commit, Failure: &Failure{Reason: plan.ReasonOutcomeUnknown, Err: err}}
}

// project projects the answers onto the response message.
func (r *run) project(ctx context.Context) (*Result, error) {
	scope := r.scope.In(ctx)
	r.keepWarnings()
	merged, err := r.mergePages(scope)
	if err != nil {
		return nil, err
	}
	message, reports, more := r.plan.Response.Append(make([]byte, 0, r.guessSize()), scope)
	r.lastSize.Store(int64(len(message)))
	if err := wrapEnded(ctx, r.plan); err != nil {
		return nil, err
	}
	header, trailer, wrong := r.metadata(scope)
	reports = append(append(r.mergeReports, reports...), wrong...)
	for i := range reports {
		reports[i].Call = r.documents.CallOf(reports[i].Call)
		if reports[i].Required {
			return nil, &DriftError{Report: reports[i]}
		}
	}
	drifts := r.drifts(reports)
	result := &Result{Header: header, Trailer: trailer, Message: message, Drifts: drifts, MoreDrifts: more, Calls: r.calls, Partial: r.partial(drifts)}
	if result.Partial == nil {
		result.Freshness = r.freshness.Freshness
	}
	if r.page != nil {
		token, err := r.nextToken(scope, merged)
		if err != nil {
			return nil, err
		}
		result.Message = appendString(result.Message, r.page.NextToken, token)
	}
	return result, r.addPartial(result)
}

// metadata fills the headers and trailers that the binding declares. One whose value is no text is left out, and reported.
func (r *run) metadata(scope *projection.Scope) (header, trailer http.Header, wrong []projection.Report) {
	fill := func(parameters []plan.Parameter) http.Header {
		if len(parameters) == 0 {
			return nil
		}
		filled := http.Header{}
		for _, parameter := range parameters {
			var texts []string
			err := eachText(scope, parameter, func(text []byte) { texts = append(texts, string(text)) })
			if err != nil {
				report := projection.Blame(scope, parameter.Value, "metadata "+parameter.Name, "text or a number", err.Error())
				report.At = parameter.At
				wrong = append(wrong, report)
				continue
			}
			for _, text := range texts {
				filled.Add(parameter.Name, text)
			}
		}
		return filled
	}
	return fill(r.plan.Headers), fill(r.plan.Trailers), wrong
}

// addPartial puts the report of what is missing into the field that the contract has for it.
func (r *run) addPartial(result *Result) error {
	if result.Partial == nil || r.plan.PartialField == 0 {
		return nil
	}
	report, err := proto.Marshal(result.Partial)
	if err != nil {
		return fmt.Errorf("write partial: %w", err)
	}
	result.Message = protowire.AppendTag(result.Message, r.plan.PartialField, protowire.BytesType)
	result.Message = protowire.AppendBytes(result.Message, report)
	return nil
}

// guessSize is a capacity that the response fits if it is little larger than the last one was. It is no more than the answers that it
// comes from.
func (r *run) guessSize() int {
	const least = 256
	most := least
	for _, document := range r.scope.Answers {
		if document != nil {
			most += document.Size()
		}
	}
	last := int(r.lastSize.Load())
	return min(most, max(least, last+last/4))
}

// partial is the report of what is missing, or nil.
func (r *run) partial(drifts []Drift) *sheafv1.Partial {
	var partial sheafv1.Partial
	for i, call := range r.plan.Calls {
		if failure := r.calls[i].Failure; failure != nil && !r.calls[i].told {
			partial.MissingCalls = append(partial.MissingCalls, missingCall(call.Name, call.Fields, failure))
		}
		for _, inner := range r.calls[i].Inner {
			missing := under(inner, call.Name)
			missing.Fields = call.Fields
			partial.MissingCalls = append(partial.MissingCalls, missing)
		}
	}
	for i, call := range r.plan.Calls {
		if age := r.calls[i].StaleAge; age > 0 {
			partial.StaleCalls = append(partial.StaleCalls, &sheafv1.StaleCall{Call: call.Name, Fields: call.Fields, Age: durationpb.New(age)})
		}
	}
	for _, drift := range drifts {
		partial.Drifts = append(partial.Drifts, &sheafv1.Drift{Field: drift.Field, Call: drift.CallName()})
	}
	if partial.MissingCalls == nil && partial.Drifts == nil && partial.StaleCalls == nil {
		return nil
	}
	return &partial
}

func missingCall(name string, fields []string, failure *Failure) *sheafv1.MissingCall {
	told, _ := failure.Told()
	missing := &sheafv1.MissingCall{Call: name, Fields: fields, Code: told, Retryable: failure.Retryable}
	if failure.RetryAfter > 0 {
		missing.RetryAfter = durationpb.New(failure.RetryAfter)
	}
	return missing
}
