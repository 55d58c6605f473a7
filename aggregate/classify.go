package aggregate

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// maxWait bounds what an upstream may ask clients to wait.
const maxWait = 24 * time.Hour

// classify says what a failure means by the error rules of its upstream.
func (a *attempt) classify(ctx context.Context, failure *Failure) *Failure {
	if failure.Answer == nil || len(a.target.rules.Errors) == 0 {
		return failure
	}
	return a.ownFields(a.target.applyRules(ctx, failure))
}

// judge says what an answer tells of its upstream's health by the error rules, for the circuit breaker and for retries.
func (t *target) judge(ctx context.Context) func(int, http.Header, []byte) (unwell, mayPass, known bool) {
	return func(status int, header http.Header, body []byte) (unwell, mayPass, known bool) {
		failure := t.errorIn(ctx, &Answer{Status: status, Header: header, Body: body})
		if failure == nil {
			return false, false, false
		}
		told, _ := failure.Told()
		return slices.Contains(unwellCodes, told), failure.Retryable, true
	}
}

// unwellCodes are those of errors that are no caller's fault (AIP-193).
var unwellCodes = []code.Code{code.Code_UNKNOWN, code.Code_DEADLINE_EXCEEDED, code.Code_INTERNAL, code.Code_UNAVAILABLE, code.Code_DATA_LOSS}

// errorIn is the failure that an answer means by the error rules, or nil.
func (t *target) errorIn(ctx context.Context, answer *Answer) *Failure {
	about := func(rule *plan.ErrorRule) bool { return isAbout(rule, answer.Status) }
	if !slices.ContainsFunc(t.rules.Errors, about) {
		return nil
	}
	failure := t.applyRules(ctx, &Failure{Reason: plan.ReasonFailed, Answer: answer, Err: errIn2xx})
	if !failure.ruled {
		return nil
	}
	return failure
}

// isAbout reports whether a rule is about answers of a status. Those that name none are about all but good ones.
func isAbout(rule *plan.ErrorRule, status int) bool {
	isGood := status >= http.StatusOK && status < http.StatusMultipleChoices
	return slices.Contains(rule.Statuses, status) || len(rule.Statuses) == 0 && !isGood
}

// applyRules is a failure as the first rule has it that fits the answer.
func (t *target) applyRules(ctx context.Context, failure *Failure) *Failure {
	answer := failure.Answer
	document, err := t.rules.Answer.Scan(answerJSON(answer.Status, answer.Header, answer.Body))
	if err != nil {
		return failure
	}
	scope := &projection.Scope{Context: ctx, Answers: []*projection.Document{document}, Now: time.Now()}
	for _, rule := range t.rules.Errors {
		if !isAbout(rule, answer.Status) {
			continue
		}
		if rule.When != nil {
			if holds, err := projection.Holds(rule.When, scope); err != nil || !holds {
				continue // a rule that cannot judge the answer is not about it
			}
		}
		return ruled(rule, failure, scope)
	}
	return failure
}

// ruled is a failure as a rule has it.
func ruled(rule *plan.ErrorRule, failure *Failure, scope *projection.Scope) *Failure {
	found := &Failure{
		Reason: rule.Reason, Code: rule.Code, Retryable: rule.Retryable, RetryAfter: failure.RetryAfter,
		Err: failure.Err, Answer: failure.Answer, expired: rule.Expired, ruled: true,
	}
	if rule.CodeFrom != nil {
		found.Code = codeFrom(rule.CodeFrom, scope)
		found.Retryable = rule.Retryable || plan.RetryableCode(found.Code)
		if found.Reason == "" {
			found.Reason = plan.Reason("UPSTREAM_" + found.Code.String())
		}
	}
	found.Message, found.OwnMessage = textFrom(rule.Message, scope), rule.Message != nil
	if rule.RetryAfter != nil {
		if value, err := rule.RetryAfter.Value(scope); err == nil && !value.Missing() {
			found.RetryAfter = waitOf(value, scope.Now)
		}
	}
	if rule.Violations != nil {
		found.Violations = violationsFrom(rule.Violations, scope, found)
	}
	if rule.Details != nil {
		found.Details, found.OwnDetails = detailsFrom(rule.Details, scope), true
	}
	return found
}

// codeFrom is the canonical code that an answer names, in capitals or as Connect writes it; UNKNOWN for anything else.
func codeFrom(operand projection.Operand, scope *projection.Scope) code.Code {
	name := strings.ToUpper(textFrom(operand, scope))
	if name == "CANCELED" {
		name = "CANCELLED"
	}
	if number, known := code.Code_value[name]; known && number != 0 {
		return code.Code(number)
	}
	return code.Code_UNKNOWN
}

// textFrom is an operand's text; empty for none.
func textFrom(operand projection.Operand, scope *projection.Scope) string {
	if operand == nil {
		return ""
	}
	value, err := operand.Value(scope)
	if err != nil {
		return ""
	}
	text, _ := value.Text()
	return text
}

func violationsFrom(rule *plan.Violations, scope *projection.Scope, failure *Failure) []Violation {
	_, standard := failure.Told()
	var found []Violation
	add := func() error {
		violation := Violation{Field: textFrom(rule.Field, scope), Description: textFrom(rule.Message, scope), Reason: string(failure.Reason)}
		if violation.Description == "" {
			violation.Description = standard
		}
		found = append(found, violation)
		return nil
	}
	if rule.Loop == nil {
		_ = add()
	} else {
		skip := func(error) error { return nil } // the others are still of use
		_, _, _ = rule.Loop.Each(scope, add, skip)
	}
	return found
}

// detailsFrom reads a list of {type, value}, where value is base64: Connect's form of an error's details.
func detailsFrom(operand projection.Operand, scope *projection.Scope) []*anypb.Any {
	value, err := operand.Value(scope)
	if err != nil {
		return nil
	}
	var details []*anypb.Any
	value.Elements(func(element projection.Value) {
		name, _ := element.Member("type").Text()
		text, _ := element.Member("value").Text()
		content, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
		if err == nil && name != "" {
			details = append(details, &anypb.Any{TypeUrl: "type.googleapis.com/" + name[strings.LastIndexByte(name, '/')+1:], Value: content})
		}
	})
	return details
}

// waitOf is how long a value says to wait: a number of seconds, a duration such as "3s", or a time.
func waitOf(value projection.Value, now time.Time) time.Duration {
	text, ok := value.Text()
	if !ok {
		return 0
	}
	wait := time.Duration(0)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		wait = time.Duration(min(max(seconds, 0), maxWait.Seconds()) * float64(time.Second))
	} else if duration, err := time.ParseDuration(text); err == nil {
		wait = duration
	} else if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		wait = at.Sub(now)
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxWait)
}
