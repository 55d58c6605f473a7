package aggregate

import (
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// Failure says why a call gave no answer.
type Failure struct {
	Reason plan.Reason
	// Code and Message are what clients are told; zero for what the reason says.
	Code    code.Code
	Message string
	// OwnMessage is set if Message is what the upstream said, even if that is nothing.
	OwnMessage bool
	// Retryable says whether the same call may succeed later, RetryAfter when (0 is unknown).
	Retryable  bool
	RetryAfter time.Duration
	// Violations are the request fields at fault, where they are known.
	Violations []Violation
	// Details are passed on from the upstream, instead of those that Sheaf would give, if OwnDetails is set.
	Details    []*anypb.Any
	OwnDetails bool
	// Err is the cause, for logs alone: it names hosts, statuses and causes.
	Err error
	// Answer is what the upstream said; nil if it said nothing.
	Answer *Answer
	// Unsent is set if it is certain that the upstream was not asked.
	Unsent bool
	// OutOfTime is set if the RPC's time was up, or the part of it that the call could take, before the upstream's own timeout was.
	OutOfTime bool

	// expired is set if the account's credentials have to be renewed.
	expired bool
	// ruled is set if an error rule says what the answer means.
	ruled bool
}

// Violation is a request field at fault.
type Violation struct {
	// Field is the path of the request field; empty if none is to blame.
	Field string
	// Description says what is wrong with it, safe for clients; Reason is for programs, and may be empty.
	Description, Reason string
}

// Error is the cause's text; it is not for clients.
func (f *Failure) Error() string {
	if f.Err == nil {
		return string(f.Reason)
	}
	return f.Err.Error()
}

// Unwrap is the cause.
func (f *Failure) Unwrap() error { return f.Err }

// status is that of the upstream's answer; 0 for none.
func (f *Failure) status() int {
	if f.Answer == nil {
		return 0
	}
	return f.Answer.Status
}

// namesFields reports whether the message is that of the violations, so that it changes with their fields.
func (f *Failure) namesFields() bool {
	return len(f.Violations) > 0 && f.Message == (&RequestError{Violations: f.Violations}).Error()
}

// Told is what clients are told: a canonical code and a text that names nothing behind the boundary.
func (f *Failure) Told() (code.Code, string) {
	class := f.Reason.Class()
	told, message := class.Code, class.Message
	if f.Code != 0 {
		told, message = f.Code, plan.MessageFor(f.Code)
	}
	if f.Message != "" || f.OwnMessage {
		message = f.Message
	}
	return told, message
}

func indexed(index int) string { return "[" + strconv.Itoa(index) + "]" }
