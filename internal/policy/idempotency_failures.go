package policy

import (
	"context"
	"errors"
	"maps"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// outcomeUnknown is the reason for programs that something may have been done. There is no RetryInfo: asking again does not help.
const outcomeUnknown = "OUTCOME_UNKNOWN"

func keyInUse() *connect.Error {
	return failure(connect.CodeAborted, "the first request with this Idempotency-Key is under way; ask again a little later",
		"IDEMPOTENCY_KEY_IN_USE", retryInfo(retryDelay))
}

func recordsAway() *connect.Error {
	return failure(connect.CodeUnavailable, "nothing was done, since it cannot be noted at the moment that it is done once; try again later",
		"IDEMPOTENCY_UNAVAILABLE", retryInfo(retryDelay))
}

// gaveUp is the failure of a call whose client did not wait.
func gaveUp(cause error) *connect.Error {
	code := connect.CodeCanceled
	if errors.Is(cause, context.DeadlineExceeded) {
		code = connect.CodeDeadlineExceeded
	}
	return connect.NewError(code, errors.New("nothing was done: the client did not wait"))
}

// otherContract is told instead of an answer that is a message of another type.
func otherContract() *connect.Error {
	return failure(connect.CodeUnknown, "this was carried out, but its answer was of a contract that has changed; look at what there is now", outcomeUnknown)
}

// tooLarge is told instead of an answer that could not be kept.
func tooLarge() *connect.Error {
	return failure(connect.CodeUnknown, "this was carried out, but its answer was too large to be kept; look at what there is now", outcomeUnknown)
}

// unknownOutcome says that something was sent that may have been carried out, or in part, because of a failure; nil for none that is
// known. What that said to programs is kept, but for when to ask again.
func unknownOutcome(cause error) *connect.Error {
	failed, known := errors.AsType[*connect.Error](cause)
	if !known {
		return failure(connect.CodeUnknown,
			"something was sent, and it is not known what of it was carried out; look before you ask again, with a new Idempotency-Key", outcomeUnknown)
	}
	info := errorInfo(outcomeUnknown)
	info.Metadata = map[string]string{"code": failed.Code().String()}
	told := connect.NewError(connect.CodeUnknown, errors.New(
		"something was sent, and it is not known what of it was carried out; look before you ask again, with a new Idempotency-Key: "+failed.Message()))
	maps.Copy(told.Meta(), failed.Meta())
	var passed []*connect.ErrorDetail
	for _, detail := range failed.Details() {
		value, err := detail.Value()
		if err != nil {
			passed = append(passed, detail)
			continue
		}
		switch value := value.(type) {
		case *errdetails.RetryInfo:
		case *errdetails.ErrorInfo:
			info.Metadata["reason"] = value.GetReason()
		default:
			passed = append(passed, detail)
		}
	}
	AddDetail(told, info)
	for _, detail := range passed {
		told.AddDetail(detail)
	}
	return told
}
