package policy

import (
	"net/http"
	"strconv"

	"connectrpc.com/connect"
)

// told notes the status of an answer on its way to the client.
type told struct {
	http.ResponseWriter

	status int // 0 if the answer has none of its own
}

// WriteHeader implements http.ResponseWriter.
func (t *told) WriteHeader(status int) {
	t.status = status
	t.ResponseWriter.WriteHeader(status)
}

// Flush implements http.Flusher, for streams.
func (t *told) Flush() { _ = http.NewResponseController(t.ResponseWriter).Flush() } // the client has gone

// Unwrap is for http.ResponseController.
func (t *told) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Code is what the client of a call that is over was told: 0 for a response. Where nobody could read the message, it is what the head of the
// answer says, which is not known if HTTP alone has answered, such as 415.
func (c *Call) Code() (code connect.Code, known bool) {
	if c.Answer != nil {
		return c.Answer.Code, true
	}
	if code, known = codeOfGRPC(c.told.ResponseWriter); known {
		return code, true
	}
	code, known = unreadCodes[c.told.status]
	return code, known
}

// codeOfGRPC is the code in the head, or in the trailers, of an answer over gRPC or gRPC-Web. The writer may be nil.
func codeOfGRPC(w http.ResponseWriter) (code connect.Code, known bool) {
	if w == nil {
		return 0, false
	}
	for _, name := range []string{"Grpc-Status", http.TrailerPrefix + "Grpc-Status"} {
		for _, value := range w.Header()[name] {
			number, err := strconv.ParseUint(value, 10, 8)
			return connect.Code(number), err == nil
		}
	}
	return 0, false
}

// unreadCodes are those with which reading a message may end, by their statuses in Connect.
var unreadCodes = map[int]connect.Code{
	http.StatusBadRequest: connect.CodeInvalidArgument, http.StatusTooManyRequests: connect.CodeResourceExhausted,
	499: connect.CodeCanceled, http.StatusGatewayTimeout: connect.CodeDeadlineExceeded,
	http.StatusInternalServerError: connect.CodeUnknown, http.StatusNotImplemented: connect.CodeUnimplemented,
}
