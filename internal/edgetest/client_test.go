package edgetest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

const service = "/notes.v1.NotesService/"

// answer is what a client got.
type answer struct {
	status          int
	header, trailer http.Header
	body            string
}

// code is the code of an error of Connect's; empty for none.
func (a answer) code() string {
	var failure struct{ Code string }
	_ = json.Unmarshal([]byte(a.body), &failure)
	return failure.Code
}

// field is a member of the answer, by its names from the outermost.
func (a answer) field(names ...string) string {
	var value any
	_ = json.Unmarshal([]byte(a.body), &value)
	for _, name := range names {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	text, _ := value.(string)
	return text
}

// sent is a request to the edge. Its headers are pairs.
type sent struct {
	rpc, token, body string
	header           []string
}

// send sends a request as a JSON client does.
func (e *edge) send(tb testing.TB, request sent) answer {
	tb.Helper()
	got, err := e.try(context.Background(), request)
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

func (e *edge) try(ctx context.Context, request sent) (answer, error) {
	path := request.rpc
	if !strings.HasPrefix(path, "/") {
		path = service + path
	}
	posted, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+path, strings.NewReader(request.body))
	if err != nil {
		return answer{}, err
	}
	posted.Header.Set("Content-Type", "application/json")
	if request.token != "" {
		posted.Header.Set("Authorization", "Bearer "+request.token)
	}
	for i := 0; i < len(request.header); i += 2 {
		posted.Header.Set(request.header[i], request.header[i+1])
	}
	return e.do(posted)
}

func (e *edge) do(request *http.Request) (answer, error) {
	response, err := e.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, response.Trailer, string(body)}, err
}
