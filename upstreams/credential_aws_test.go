package upstreams_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sheaf-rpc/sheaf/upstreams"
)

// TestAWSOwnHeaders: what the signature sets goes before what is configured and what the call says, and changes neither.
func TestAWSOwnHeaders(t *testing.T) {
	t.Parallel()
	const old = "of old"
	client := open(t, func(w http.ResponseWriter, r *http.Request) {
		if at, token := r.Header.Get("X-Amz-Date"), r.Header.Get("X-Amz-Security-Token"); at == old || token != "a session" || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4") {
			t.Errorf("header = %v", r.Header)
		}
		_, _ = io.WriteString(w, "{}")
	}, func(config *upstreams.Config) {
		config.Header = http.Header{"X-Amz-Date": {old}}
		config.Credential = upstreams.AWSCredential{
			Region: "eu-central-1", Service: "things", AccessKeyID: fixed("an id"), SecretAccessKey: fixed("a key"), SessionToken: fixed("a session"),
		}
	})
	request := get("/things/1")
	request.Header = http.Header{"X-Amz-Security-Token": {old}, "Authorization": {old}}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, err := client.Do(t.Context(), request); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for name, values := range request.Header {
		if values[0] != old {
			t.Errorf("the call's own %s became %q", name, values)
		}
	}
}
