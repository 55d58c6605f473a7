package upstreams

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// refusal is the answer of an upstream that refuses a request with this secret in its query.
func refusal(t *testing.T, text string, refuse http.HandlerFunc) *Answer {
	t.Helper()
	server := httptest.NewServer(refuse)
	t.Cleanup(server.Close)
	client := create(t, Config{
		Name: "things", BaseURL: server.URL, Private: true,
		Credential: QueryCredential{Name: "key", Secret: Secret{Source: secret.Fixed(secret.NewValue(text))}},
	})
	_, err := client.Do(t.Context(), thing())
	failure, ok := errors.AsType[*Error](err)
	if !ok || failure.Answer == nil {
		t.Fatalf("error = %v", err)
	}
	return failure.Answer
}

// TestRedactHeaders: a refusal may say the URL again, and with it a secret, in a header.
func TestRedactHeaders(t *testing.T) {
	t.Parallel()
	const canary = "canary/secret"
	answer := refusal(t, canary, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://login.test/?next="+r.URL.RequestURI())
		w.Header().Set("X-Why", "no key "+canary)
		w.WriteHeader(http.StatusFound)
	})
	for name, values := range answer.Header {
		if text := strings.Join(values, " "); strings.Contains(text, "canary") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// TestRedactCut: a secret at the end of what is read of a refusal shows no part of it.
func TestRedactCut(t *testing.T) {
	t.Parallel()
	const canary = "canary-canary-canary"
	answer := refusal(t, canary, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, strings.Repeat(".", maxRefusal-len(canary)/2)+canary+strings.Repeat(".", maxRefusal))
	})
	if body := strings.TrimLeft(string(answer.Body), "."); strings.Contains(body, "canary") || len(answer.Body) > maxRefusal {
		t.Errorf("%d bytes, which end with %q", len(answer.Body), body)
	}
}

// TestRedactNested: of a secret that begins with another one nothing stays.
func TestRedactNested(t *testing.T) {
	t.Parallel()
	for _, carried := range []secrets{{"canary", "canary-long"}, {"canary-long", "canary"}} {
		if text := string(carried.redact([]byte("canary-long canary"))); text != "[redacted] [redacted]" {
			t.Errorf("redacted to %q", text)
		}
	}
}

// TestRedactJudged: an answer of 200 that says inside that it is an error is a refusal, too.
func TestRedactJudged(t *testing.T) {
	t.Parallel()
	const canary = "canary-secret"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"error": "no key `+r.Header.Get("X-Key")+`"}`)
	}))
	t.Cleanup(server.Close)
	client := create(t, Config{
		Name: "things", BaseURL: server.URL, Private: true,
		Credential: HeaderCredential{Name: "X-Key", Secret: Secret{Source: secret.Fixed(secret.NewValue(canary))}},
	})
	request := thing()
	request.Judge = func(int, http.Header, []byte) (bool, bool, bool) { return true, false, true }
	_, err := client.Do(t.Context(), request)
	failure, ok := errors.AsType[*Error](err)
	if !ok || failure.Answer == nil || strings.Contains(err.Error()+string(failure.Answer.Body), "canary") {
		t.Errorf("error = %v, answer %s", err, failure.Answer.Body)
	}
}
