package upstreams

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// TestRedactBroken: what is wrong with an answer that cannot be read is told in its own words, which may be a secret of the request.
func TestRedactBroken(t *testing.T) {
	t.Parallel()
	const canary = "canary/secret"
	for name, answer := range map[string]string{
		"version":   "KEY\r\n\r\n",
		"status":    "HTTP/1.1 KEY OK\r\n\r\n",
		"line":      "HTTP/1.1 200 OK\r\nKEY\r\n\r\n",
		"value":     "HTTP/1.1 200 OK\r\nX: KEY\x00\r\n\r\n",
		"length":    "HTTP/1.1 200 OK\r\nContent-Length: KEY\r\n\r\n",
		"lengths":   "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: KEY\r\n\r\n",
		"encoding":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: KEY\r\n\r\n",
		"trailer":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nKEY\r\n\r\n",
		"long line": "HTTP/1.1 200 OK\r\n" + strings.Repeat("KEY ", 4000) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := brokenAnswer(t, canary, answer)
			if failure, ok := errors.AsType[*Error](err); !ok || failure.Answer != nil {
				t.Fatalf("error = %v", err)
			}
			if text := err.Error(); strings.Contains(text, "canary") || len(text) > 2*longestError {
				t.Errorf("%d bytes: %.300s", len(text), text)
			}
		})
	}
}

// brokenAnswer is the error of a call whose answer is a text, with the request's secret for each KEY.
func brokenAnswer(t *testing.T, text, answer string) error {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = connection.Close() }()
		if request, err := http.ReadRequest(bufio.NewReader(connection)); err == nil {
			_, _ = connection.Write([]byte(strings.ReplaceAll(answer, "KEY", request.Header.Get("X-Key"))))
		}
	}()
	client := create(t, Config{
		Name: "things", BaseURL: "http://" + listener.Addr().String(), Private: true,
		Credential: HeaderCredential{Name: "X-Key", Secret: Secret{Source: secret.Fixed(secret.NewValue(text))}},
	})
	_, err = client.Do(t.Context(), thing())
	return err
}
