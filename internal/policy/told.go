package policy

import (
	"net/http"
	"strconv"

	"connectrpc.com/connect"
)

// Told notes what a client is told, on its way there. It is used by the goroutine that answers alone.
type Told struct {
	http.ResponseWriter

	status int // 0 if the answer has none of its own
}

// WriteHeader implements http.ResponseWriter.
func (t *Told) WriteHeader(status int) {
	t.status = status
	t.ResponseWriter.WriteHeader(status)
}

// Flush implements http.Flusher, for streams.
func (t *Told) Flush() { _ = http.NewResponseController(t.ResponseWriter).Flush() } // the client has gone

// Unwrap is for http.ResponseController.
func (t *Told) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Code is the code that the head, or over gRPC the trailers, of an answer tell, if it is that of a request that nobody could read. It is not
// known if HTTP alone has answered, such as 415.
func (t *Told) Code() (code connect.Code, known bool) {
	for _, name := range []string{"Grpc-Status", http.TrailerPrefix + "Grpc-Status"} {
		for _, value := range t.Header()[name] {
			number, err := strconv.ParseUint(value, 10, 8)
			return connect.Code(number), err == nil
		}
	}
	code, known = unreadCodes[t.status]
	return code, known
}

// unreadCodes are those with which reading a message may end, by their statuses in Connect.
var unreadCodes = map[int]connect.Code{
	http.StatusBadRequest: connect.CodeInvalidArgument, http.StatusTooManyRequests: connect.CodeResourceExhausted,
	499: connect.CodeCanceled, http.StatusGatewayTimeout: connect.CodeDeadlineExceeded,
	http.StatusInternalServerError: connect.CodeUnknown, http.StatusNotImplemented: connect.CodeUnimplemented,
}
