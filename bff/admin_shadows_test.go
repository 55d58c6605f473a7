package bff_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
)

// TestAdminShadows: operators learn in which fields a candidate differs, and no value.
func TestAdminShadows(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(aliceToken), 0o600); err != nil {
		t.Fatal(err)
	}
	f := openFork(t, shadowRoute+"\nadmin: {listen: 127.0.0.1:0, operators: {alice: {file: "+token+"}}}\n", func(f *fork) {
		f.newHandle = func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"title": "secret-title", "tags": ["a", "b", "c"]}`)
		}
	})
	for range 3 {
		_ = readAll(t, post(t, f.house, forkGet, `{"id": "1"}`))
	}
	f.result(t, "different", 3)
	response, err := serveAdmin(t, f.house).ListShadows(withDeadline(t), as(&adminv1.ListShadowsRequest{}, "Bearer "+aliceToken))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][3]int64{}
	for _, field := range response.Msg.GetFields() {
		if field.GetRoute() != "candidate" || field.GetRpc() != "fork.v1.Fork/Get" || field.GetLastTime().AsTime().Before(field.GetFirstTime().AsTime()) {
			t.Errorf("field = %v", field)
		}
		got[field.GetField()] = [3]int64{field.GetMissing(), field.GetExtra(), field.GetDifferent()}
	}
	if len(got) != 3 || got["title"] != [3]int64{0, 0, 3} || got["note"] != [3]int64{3, 0, 0} || got["tags[]"] != [3]int64{0, 3, 0} {
		t.Errorf("fields = %v", got)
	}
	if strings.Contains(response.Msg.String(), "secret-title") {
		t.Errorf("a value is told: %v", response.Msg)
	}
}
