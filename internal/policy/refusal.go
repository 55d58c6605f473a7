package policy

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// retryDelay is when those who are refused may come again.
const retryDelay = time.Second

// refusal tells a client that too much is asked at the moment. All of it is made beforehand, since it is sent most when there is no
// time.
type refusal struct {
	failure *connect.Error
	// unary is the body for clients of unary Connect, which are most.
	unary  []byte
	writer *connect.ErrorWriter
}

func newRefusal() *refusal {
	failure := connect.NewError(connect.CodeResourceExhausted, errors.New("too much is asked at the moment; try again later"))
	for _, message := range []proto.Message{
		&errdetails.ErrorInfo{Reason: "OVERLOADED", Domain: "sheaf"}, &errdetails.RetryInfo{RetryDelay: durationpb.New(retryDelay)},
	} {
		if detail, err := connect.NewErrorDetail(message); err == nil { // only messages that are not well formed cannot be details
			failure.AddDetail(detail)
		}
	}
	return &refusal{failure: failure, unary: unaryBody(failure), writer: connect.NewErrorWriter()}
}

// unaryBody is a failure as the Connect protocol has it in the body of a unary response.
func unaryBody(failure *connect.Error) []byte {
	type detail struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	body := struct {
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Details []detail `json:"details"`
	}{Code: failure.Code().String(), Message: failure.Message()}
	for _, one := range failure.Details() {
		body.Details = append(body.Details, detail{one.Type(), base64.RawStdEncoding.EncodeToString(one.Bytes())})
	}
	encoded, _ := json.Marshal(body) // texts have a JSON form
	return encoded
}

// write answers a request in its own protocol.
func (r *refusal) write(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Retry-After", strconv.Itoa(int(retryDelay.Seconds())))
	switch contentType := request.Header.Get("Content-Type"); {
	case request.Method == http.MethodGet || contentType == "application/json" || contentType == "application/proto":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write(r.unary) // the client has gone
	case r.writer.IsSupported(request):
		_ = r.writer.Write(w, request, r.failure) // likewise
	default:
		http.Error(w, r.failure.Message(), http.StatusTooManyRequests)
	}
}
