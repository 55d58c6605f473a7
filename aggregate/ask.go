package aggregate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// reply is an answer that can be used, or the news that there is none of what was asked for.
type reply struct {
	status int
	header http.Header
	// body is a JSON document, or empty.
	body   []byte
	absent bool
	inner  []*sheafv1.MissingCall
	drifts []Drift
}

// attempt is one call under way, for the RPC or for one element of a list: a request, and those that follow from it.
type attempt struct {
	*run
	call     *plan.Call
	target   *target
	result   *CallResult
	requests int
	// scope is where what is sent comes from.
	scope *projection.Scope
	// held is the room of the answer; nil if that is not held.
	held *held
}

func holdsFor(call *plan.Call, scope *projection.Scope) (bool, *Failure) {
	holds, err := projection.Holds(call.When, scope)
	if err != nil {
		return false, &Failure{Reason: plan.ReasonDrift, Err: fmt.Errorf("decide whether to call: %w", err)}
	}
	return holds, nil
}

// answer asks until there is an answer, or no hope for one.
func (a *attempt) answer(ctx context.Context, scope *projection.Scope) (*reply, *Failure) {
	a.scope = scope
	if a.call.Poll == nil {
		return a.retrying(ctx, scope)
	}
	for number := 1; ; number++ {
		got, failure := a.retrying(ctx, scope)
		if failure != nil || got.absent {
			return got, failure
		}
		wait, done, failure := a.pollState(scope, got)
		switch {
		case failure != nil:
			return nil, failure
		case done:
			return got, nil
		case number == a.call.Poll.Max:
			return nil, &Failure{Reason: plan.ReasonNotDone, Retryable: true, Err: fmt.Errorf("poll: not done after %d requests", number)}
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, &Failure{Reason: plan.ReasonTimeout, Retryable: true, Err: fmt.Errorf("poll: not done in time: %w", err)}
		}
	}
}

// pollState says whether what is polled for is done, and if not, how long to wait.
func (a *attempt) pollState(scope *projection.Scope, got *reply) (wait time.Duration, done bool, _ *Failure) {
	poll := a.call.Poll
	document, err := a.call.About.Scan(answerJSON(got.status, got.header, got.body))
	if err != nil {
		return 0, false, &Failure{Reason: plan.ReasonBadAnswer, Err: fmt.Errorf("poll: %w", err)}
	}
	judged := scope.With(a.documents.Answer(), document)
	done, err = projection.Holds(poll.Done, judged)
	if err == nil && !done && poll.Failed != nil {
		var failed bool
		if failed, err = projection.Holds(poll.Failed, judged); failed {
			return 0, false, &Failure{Reason: plan.ReasonNotDone, Err: fmt.Errorf("poll: %s", poll.Failed)}
		}
	}
	if err != nil {
		return 0, false, &Failure{Reason: plan.ReasonDrift, Err: fmt.Errorf("poll: %w", err)}
	}
	wait = poll.Every
	if poll.EveryFrom != nil {
		if value, err := poll.EveryFrom.Value(judged); err == nil {
			wait = cmp.Or(waitOf(value, scope.Now), wait)
		}
	}
	return wait, done, nil
}

// retrying makes a request again that failed for a reason that the call names.
func (a *attempt) retrying(ctx context.Context, scope *projection.Scope) (*reply, *Failure) {
	for number := 1; ; number++ {
		got, failure := a.withRenewal(ctx, scope)
		retry := a.call.Retry
		if failure == nil || retry == nil || number >= retry.Max || !has(retry.On, failure.Reason) {
			return got, failure
		}
		if err := sleep(ctx, max(retry.After, failure.RetryAfter)); err != nil {
			return nil, failure
		}
	}
}

// withRenewal makes a request again after the account's credentials have been renewed. If another replica had done that long
// ago, they have expired again, so that there is a second time.
func (a *attempt) withRenewal(ctx context.Context, scope *projection.Scope) (*reply, *Failure) {
	const renewals = 2
	for done := 0; ; done++ {
		got, failure := a.request(ctx, scope)
		if failure == nil || !failure.expired || a.target.upstream == nil || a.account == "" || done == renewals {
			return got, atCommit(a.call, failure)
		}
		if err := a.target.upstream.Renew(ctx, a.account, failure.Answer.Generation); err != nil {
			failure.Err = errors.Join(failure.Err, fmt.Errorf("renew credentials: %w", err))
			return nil, failure
		}
	}
}

// atCommit marks a failure of the call at the commit point that does not say whether the call was carried out: there was no
// answer, or none that tells. An answer that an error rule is about tells.
func atCommit(call *plan.Call, failure *Failure) *Failure {
	if failure == nil || !call.Commit || failure.Unsent || failure.ruled {
		return failure
	}
	status := failure.status()
	refused := status >= http.StatusBadRequest && status != http.StatusBadGateway && status != http.StatusGatewayTimeout
	if refused || failure.Reason == plan.ReasonOutcomeUnknown {
		return failure
	}
	return &Failure{Reason: plan.ReasonOutcomeUnknown, Err: failure.Err}
}

// request makes one request.
func (a *attempt) request(ctx context.Context, scope *projection.Scope) (*reply, *Failure) {
	if a.call.Callee != nil {
		return a.inProcess(ctx, scope)
	}
	request, failure := a.fill(scope)
	if failure != nil {
		return nil, failure
	}
	if a.requests > 0 && request.Method == http.MethodGet {
		request.askAnew()
	}
	if len(a.target.rules.Errors) > 0 {
		request.Judge = a.target.judge(context.WithoutCancel(scope.Context))
	}
	if request.changes() {
		if failure := a.writes.begin(ctx); failure != nil {
			return nil, failure
		}
	}
	if a.held != nil {
		request.Hold = a.held
	}
	a.requests++
	answer, failure := a.do(ctx, scope.Context, request)
	if request.changes() {
		a.writes.end(failure)
	}
	if failure != nil {
		if a.held != nil { // there may be another request
			a.held.drop()
		}
		return nil, failure
	}
	return &reply{status: answer.Status, header: answer.Header, body: answer.Body, absent: answer.Absent}, nil
}

// do asks the upstream. What its answer means is judged within about, which does not end with the request.
func (a *attempt) do(ctx, about context.Context, request *Request) (*Answer, *Failure) {
	answer, err := a.target.upstream.Do(ctx, request)
	if err != nil {
		return nil, a.classify(about, asFailure(err))
	}
	a.noteAnswer(answer)
	if !answer.Absent {
		if failure := a.target.errorIn(about, answer); failure != nil {
			return nil, a.ownFields(failure)
		}
	}
	return answer, nil
}

// asFailure is the *Failure in err; any other error is a fault of ours, and so of the upstream in the caller's eyes.
func asFailure(err error) *Failure {
	if failure, ok := errors.AsType[*Failure](err); ok {
		return failure
	}
	return &Failure{Reason: plan.ReasonFailed, Err: err}
}

// sleep waits. The error is ctx's, at once if the wait would not end before ctx does.
func sleep(ctx context.Context, wait time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return context.DeadlineExceeded
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
