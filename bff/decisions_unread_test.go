package bff_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestDecisionUnread: of a call whose message nobody could read, the line says what the client was told, over every protocol.
func TestDecisionUnread(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		contentType, encoding, body, want string
	}{
		"not JSON":             {"application/json", "", `{`, "invalid_argument"},
		"unknown compression":  {"application/json", "zstd", `{}`, "unimplemented"},
		"too large":            {"application/json", "", `{"productId": "` + strings.Repeat("x", 4<<20) + `"}`, "resource_exhausted"},
		"gRPC":                 {"application/grpc", "", "\x00\x00\x00\x00\x01\xff", "invalid_argument"},
		"gRPC-Web":             {"application/grpc-web+proto", "", "\x00\x00\x00\x00\x01\xff", "invalid_argument"},
		"no message over gRPC": {"application/grpc", "", "", "unimplemented"},
		"HTTP alone":           {"text/plain", "", "x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openHouseWith(t, someRules)
			request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, h.url+getProduct, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", test.contentType)
			if test.encoding != "" {
				request.Header.Set("Content-Encoding", test.encoding)
			}
			response, err := h.h2c.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = readAll(t, response)
			found := h.decisions(t)
			if len(found) != 1 || found[0].Outcome != "unread" || found[0].Code != test.want {
				t.Errorf("decisions = %+v, want code %q", found, test.want)
			}
		})
	}
}
