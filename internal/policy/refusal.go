package policy

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"

	"connectrpc.com/connect"
)

// refusal tells a client that too much is asked at the moment. All of it is made beforehand, since it is sent most when there is no
// time.
type refusal struct {
	told *connect.Error
	// unary is the body for clients of unary Connect, which are most.
	unary  []byte
	writer *connect.ErrorWriter
}

func newRefusal() *refusal {
	told := failure(connect.CodeResourceExhausted, "too much is asked at the moment; try again later", "OVERLOADED", retryInfo(retryDelay))
	return &refusal{told: told, unary: unaryBody(told), writer: connect.NewErrorWriter()}
}

// unaryBody is a failure as the Connect protocol has it in the body of a unary response.
func unaryBody(told *connect.Error) []byte {
	type detail struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	body := struct {
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Details []detail `json:"details"`
	}{Code: told.Code().String(), Message: told.Message()}
	for _, one := range told.Details() {
		body.Details = append(body.Details, detail{one.Type(), base64.RawStdEncoding.EncodeToString(one.Bytes())})
	}
	encoded, _ := json.Marshal(body) // texts have a JSON form
	return encoded
}

// write answers a request in its own protocol.
func (r *refusal) write(w http.ResponseWriter, request *http.Request) {
	w.Header().Set(RetryAfterHeader, strconv.Itoa(int(retryDelay.Seconds())))
	switch contentType := request.Header.Get("Content-Type"); {
	case request.Method == http.MethodGet || contentType == "application/json" || contentType == "application/proto":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write(r.unary) // the client has gone
	case r.writer.IsSupported(request):
		_ = r.writer.Write(w, request, r.told) // likewise
	default:
		http.Error(w, r.told.Message(), http.StatusTooManyRequests)
	}
}
