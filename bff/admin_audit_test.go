package bff_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestAuditUnread: what an operator asks for is in the log also where nobody could read it, once, and without what was sent.
func TestAuditUnread(t *testing.T) {
	t.Parallel()
	h, _ := governed(t)
	url := listenBesides(t, h.server.ServeAdmin)
	t.Cleanup(h.http1.CloseIdleConnections)
	for _, test := range []struct{ rpc, contentType, body, code string }{
		{"CreateKey", "application/json", `{"caler": "canary-8"}`, "invalid_argument"},
		{"CreateKey", "application/json", `{`, "invalid_argument"},
		{"RevokeKey", "application/grpc-web+proto", "\x00\x00\x00\x00\x01\xff", "invalid_argument"},
		{"ListKeys", "application/json", `{"provider": "` + strings.Repeat("x", 64<<10) + `"}`, "resource_exhausted"},
		{"ListKeys", "application/json", `{}`, "ok"},
		{"ListKeys", "text/plain", `{}`, ""},
		{"NoSuch", "application/json", `{}`, ""},
	} {
		before := len(h.audited(t))
		request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, url+"/sheaf.admin.v1.AdminService/"+test.rpc, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", test.contentType)
		request.Header.Set("Authorization", "Bearer "+aliceToken)
		response, err := h.http1.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = readAll(t, response)
		eventually(t, "it is audited", func() bool { return len(h.audited(t)) > before }) // after the answer
		lines := h.audited(t)[before:]
		code, _ := lines[0]["code"].(string)
		if len(lines) != 1 || lines[0]["operator"] != "alice" || lines[0]["rpc"] != "sheaf.admin.v1.AdminService/"+test.rpc || code != test.code {
			t.Errorf("%s: audited %v, want code %q", test.rpc, lines, test.code)
		}
	}
	if strings.Contains(h.logs.String(), "canary") {
		t.Error("the log shows what was sent")
	}
}
