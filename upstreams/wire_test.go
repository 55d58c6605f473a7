package upstreams

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// verifying answers 401 to a request whose signature is not that of the bytes that have arrived.
func verifying(t *testing.T, key string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, query, _ := strings.Cut(r.RequestURI, "?")
		body, _ := io.ReadAll(r.Body)
		sum := hmac.New(sha256.New, []byte(key))
		_, _ = io.WriteString(sum, strings.Join([]string{r.Method, r.Host, path, query, string(body), strings.Join(r.Header.Values("X-Multi"), ", ")}, "|"))
		if r.Header.Get("X-Sig") != hex.EncodeToString(sum.Sum(nil)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	return server
}

// TestSignedAsSent: what is signed is what arrives, byte by byte.
func TestSignedAsSent(t *testing.T) {
	t.Parallel()
	const key = "a key of ours"
	server := verifying(t, key)
	var text []TextPart
	for i, hole := range []string{"method", "host", "path", "query", "body", "header.X-Multi"} {
		if i > 0 {
			text = append(text, TextPart{Literal: "|"})
		}
		text = append(text, TextPart{Hole: hole})
	}
	credential := HMACCredential{Header: "X-Sig", Key: fixedSecret(key), Text: text, Value: []TextPart{{Hole: "signature"}}}
	for _, base := range []string{server.URL, server.URL + "/b%2Fc/", "http://b\u00fccher.test"} {
		config := Config{Name: "things", BaseURL: base, Private: true, Credential: credential}
		if !strings.HasPrefix(base, server.URL) {
			config.Balance = &BalanceConfig{Addresses: []string{server.Listener.Addr().String()}}
		}
		client := create(t, config)
		for _, path := range []string{"/", "/a", "/a%2Fb", "/%41", "/a;b=c", "/\u00fc", "//x", "/../y", "/a b", "/%E4", `/a"b`, "/[x]"} {
			for _, query := range []string{"", "a=1&a=2", "a=%20+", "x=\u00fc", "a;b", "a=[1]&b", "&&"} {
				for _, value := range []string{"b", "", " b\t"} {
					_, err := client.Do(t.Context(), &Request{
						Name: "x", Template: "/", Method: http.MethodPost, Path: path, Query: query, Body: []byte(`{"a":1}`), Header: http.Header{"X-Multi": {"a", value}},
					})
					if err != nil {
						t.Fatalf("base %q, path %q, query %q, header %q: %v", base, path, query, value, err)
					}
				}
			}
		}
	}
}
