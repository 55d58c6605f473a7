package aggregate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// element is one element of a list for which a call is made, and what became of it.
type element struct {
	// index is its place in the list, of those that are equal the first.
	index int
	// key is what tells it apart, as JSON.
	key     []byte
	scope   *projection.Scope
	attempt *attempt
	reply   *reply
	failure *Failure
}

// askEach makes the call for each element of a list, or for each chunk of one. The answers become one list.
func (r *run) askEach(ctx context.Context, scope *projection.Scope, index int) (*reply, *Failure) {
	call, result := r.plan.Calls[index], &r.calls[index]
	elements, failure := r.elements(ctx, scope, call)
	if failure != nil {
		return nil, failure
	}
	if call.Each.Batch > 0 {
		elements = chunks(elements, scope.In(ctx), call.Each.Batch)
	}
	err := r.askAll(ctx, elements, index)
	for _, element := range elements {
		result.Requests += element.attempt.requests
		result.addInner(element)
	}
	result.Made = result.Requests > 0
	if failure := firstOf(elements); failure != nil && (err != nil && !call.Optional || call.Each.Batch > 0) {
		return nil, failure
	}
	if call.Each.Batch > 0 {
		return r.joinItems(elements, call)
	}
	result.Failure, result.told = firstOf(elements), call.Shape.ElementHas("error")
	return &reply{body: entries(elements)}, nil
}

// elements are those of the list, each once.
func (r *run) elements(ctx context.Context, scope *projection.Scope, call *plan.Call) ([]*element, *Failure) {
	var found []*element
	seen := map[string]bool{}
	index := -1
	ok, instead, err := call.Each.Loop.Each(scope, func() error {
		index++
		value, err := call.Each.Key.Value(scope)
		if err != nil || value.Missing() {
			return err
		}
		key, err := value.AppendJSON(nil)
		if err != nil || seen[string(key)] {
			return err
		}
		seen[string(key)] = true
		if len(found) == call.Each.Max {
			return errTooMany
		}
		own := scope.In(ctx)
		if r.page.isOver(call, key) {
			return nil
		}
		found = append(found, &element{index: index, key: key, scope: r.page.within(own, call, key, r)})
		return nil
	}, projection.Fail)
	switch {
	case errors.Is(err, errTooMany):
		return nil, &Failure{Reason: plan.ReasonTooMany, Unsent: true, Err: fmt.Errorf("go over %s: more than %d elements", call.Each.Loop.In, call.Each.Max)}
	case err != nil:
		return nil, &Failure{Reason: plan.ReasonDrift, Unsent: true, Err: fmt.Errorf("go over %s: %w", call.Each.Loop.In, err)}
	case !ok && instead != "":
		return nil, &Failure{Reason: plan.ReasonDrift, Unsent: true, Err: fmt.Errorf("go over %s: expected a list, found %s", call.Each.Loop.In, instead)}
	}
	return found, nil
}

var errTooMany = errors.New("too many elements")

// chunks are elements that each stand for the list of several keys.
func chunks(elements []*element, scope *projection.Scope, size int) []*element {
	var found []*element
	for begin := 0; begin < len(elements); begin += size {
		keys := []byte{'['}
		for i, one := range elements[begin:min(begin+size, len(elements))] {
			keys = append(appendComma(keys, i), one.key...)
		}
		keys = append(keys, ']')
		found = append(found, &element{index: begin, key: keys, scope: scope.On(keys)})
	}
	return found
}

// askAll makes the calls. The error says that a required one failed, so that those that were left were not made.
func (r *run) askAll(ctx context.Context, elements []*element, index int) error {
	call := r.plan.Calls[index]
	asking := lazyctx.WithCancel(ctx)
	defer asking.End()
	var group errgroup.Group
	group.SetLimit(call.Each.Concurrency)
	for _, one := range elements {
		one.attempt = &attempt{run: r, call: call, target: &r.targets[index], result: &r.calls[index]}
	}
	for _, one := range elements {
		group.Go(func() error {
			growStack(index)
			if err := asking.Err(); err != nil {
				one.failure = notAsked(err)
				return err
			}
			one.ask(asking)
			if one.failure != nil && (!call.Optional || call.Each.Batch > 0) {
				asking.End() // and with it the others
				return errCallFailed
			}
			return nil
		})
	}
	return group.Wait()
}

// ask makes the call for one element. A panic fails this element alone.
func (e *element) ask(ctx context.Context) {
	defer func() {
		if cause := recover(); cause != nil {
			e.failure = &Failure{Reason: plan.ReasonFailed, Err: fmt.Errorf("recover from a panic: %v", cause)}
		}
	}()
	e.reply, e.failure = e.attempt.answer(ctx, e.scope.In(ctx))
	if e.reply != nil && !e.reply.absent && len(e.reply.body) > 0 && !jsontext.Value(e.reply.body).IsValid() {
		e.reply, e.failure = nil, &Failure{Reason: plan.ReasonBadAnswer, Err: errors.New("read answer: not JSON")}
	}
	if e.failure != nil {
		e.failure = e.failure.at(e.index)
	}
}

// notAsked is the failure of an element whose turn did not come.
func notAsked(err error) *Failure {
	failure := &Failure{Reason: plan.ReasonFailed, Unsent: true, Err: fmt.Errorf("call not made: %w", err)}
	if errors.Is(err, context.DeadlineExceeded) {
		failure.Reason, failure.Retryable = plan.ReasonTimeout, true
	}
	return failure
}

// at is a failure of the element at an index.
func (f *Failure) at(index int) *Failure {
	placed := *f
	placed.Violations = nil
	for _, violation := range f.Violations {
		violation.Field = elementField(violation.Field, index)
		placed.Violations = append(placed.Violations, violation)
	}
	if f.namesFields() {
		placed.Message = (&RequestError{Violations: placed.Violations}).Error()
	}
	return &placed
}

// firstOf is the failure of the first element that failed by itself, or nil.
func firstOf(elements []*element) *Failure {
	for _, one := range elements {
		if one.failure != nil && !errors.Is(one.failure, context.Canceled) {
			return one.failure
		}
	}
	for _, one := range elements {
		if one.failure != nil {
			return one.failure
		}
	}
	return nil
}

// entries is the list of what became of each element: its key, and the answer's body or the error.
func entries(elements []*element) []byte {
	dst := []byte{'['}
	for i, one := range elements {
		dst = append(append(appendComma(dst, i), `{"key":`...), one.key...)
		switch {
		case one.failure != nil:
			dst = appendFailure(append(dst, `,"error":`...), one.failure)
			dst = strconv.AppendBool(append(dst, `,"$failed":`...), one.failure.Retryable) // for merged pages
		case one.reply != nil && !one.reply.absent && len(bytes.TrimSpace(one.reply.body)) > 0:
			dst = append(append(dst, `,"value":`...), one.reply.body...)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// joinItems is the one list that the answers of a batch hold parts of.
func (r *run) joinItems(elements []*element, call *plan.Call) (*reply, *Failure) {
	dst := []byte{'['}
	for _, one := range elements {
		if one.reply == nil || one.reply.absent {
			continue
		}
		document, err := call.About.Scan(answerJSON(one.reply.status, one.reply.header, one.reply.body))
		if err != nil {
			return nil, &Failure{Reason: plan.ReasonBadAnswer, Err: fmt.Errorf("read answer: %w", err)}
		}
		value, err := call.Each.Items.Value(one.scope.With(r.documents.Answer(), document))
		if err != nil || !value.IsList() {
			return nil, &Failure{Reason: plan.ReasonDrift, Err: fmt.Errorf("read %s: no list", call.Each.Items)}
		}
		value.Elements(func(item projection.Value) {
			if len(dst) > 1 {
				dst = append(dst, ',')
			}
			dst, _ = item.AppendJSON(dst)
		})
	}
	return &reply{body: append(dst, ']')}, nil
}

// addInner notes what is missing from the answer of an RPC that was called for one element.
func (c *CallResult) addInner(one *element) {
	if one.reply == nil {
		return
	}
	for _, missing := range one.reply.inner {
		c.Inner = append(c.Inner, under(missing, indexed(one.index)))
	}
	for _, drift := range one.reply.drifts {
		drift.Within = joinNames(indexed(one.index), drift.Within)
		c.drifts = append(c.drifts, drift)
	}
}

// under is a missing call of an RPC in process, by a name that says of which element's.
func under(missing *sheafv1.MissingCall, prefix string) *sheafv1.MissingCall {
	return &sheafv1.MissingCall{
		Call: joinNames(prefix, missing.GetCall()), Code: missing.GetCode(), Retryable: missing.GetRetryable(), RetryAfter: missing.GetRetryAfter(),
	}
}
