package policy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// retryDelay is when those who are refused may come again, where nobody knows better.
const retryDelay = time.Second

// failure is an error with a reason for programs (AIP-193), and further details.
func failure(code connect.Code, text, reason string, details ...proto.Message) *connect.Error {
	told := connect.NewError(code, errors.New(text))
	AddDetail(told, errorInfo(reason))
	for _, detail := range details {
		AddDetail(told, detail)
	}
	return told
}

func errorInfo(reason string) *errdetails.ErrorInfo {
	return &errdetails.ErrorInfo{Reason: reason, Domain: "sheaf"}
}

func retryInfo(delay time.Duration) *errdetails.RetryInfo {
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)}
}

// AddDetail adds a message for programs to what a client is told.
func AddDetail(told *connect.Error, message proto.Message) {
	if detail, err := connect.NewErrorDetail(message); err == nil { // only messages that are not well formed cannot be details
		told.AddDetail(detail)
	}
}

// InvalidArgument says that the caller is wrong: which fields, and why (AIP-193).
func InvalidArgument(violations ...*errdetails.BadRequest_FieldViolation) *connect.Error {
	text := "request is not valid"
	if len(violations) > 0 {
		text = violations[0].GetDescription()
		if field := violations[0].GetField(); field != "" {
			text = field + ": " + text
		}
		if more := len(violations) - 1; more > 0 {
			text += fmt.Sprintf(" (and %d more)", more)
		}
	}
	told := connect.NewError(connect.CodeInvalidArgument, errors.New(text))
	AddDetail(told, &errdetails.BadRequest{FieldViolations: violations})
	return told
}

// ended is what a client is told whose time was up before something was known.
func ended(ctx context.Context, before string) *connect.Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return connect.NewError(connect.CodeDeadlineExceeded, errors.New("the deadline passed before "+before))
	}
	return connect.NewError(connect.CodeCanceled, errors.New("the client cancelled the request"))
}

// Refuse answers a request in its own protocol, without reading its message; in plain HTTP, if that is none of ours, with a status.
func Refuse(failures *connect.ErrorWriter, w http.ResponseWriter, r *http.Request, told *connect.Error) {
	if failures.IsSupported(r) {
		_ = failures.Write(w, r, told) // the client has gone
		return
	}
	status := http.StatusUnauthorized
	if told.Code() == connect.CodeUnavailable {
		status = http.StatusServiceUnavailable
	}
	http.Error(w, told.Message(), status)
}
