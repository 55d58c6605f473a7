package identity_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/identity"
)

// TestFloodOfTokens: whoever makes tokens up does not make this service flood the authorization server; who is known goes on, and new
// callers get in again within a moment.
func TestFloodOfTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: map[string]string{"ann": `{"active": true, "sub": "ann"}`, "bob": `{"active": true, "sub": "bob"}`}}
		provider := identity.NewBearer(nil, openIntrospection(t, s))
		if got := describe(t, provider, bearing("ann")); got != "opaque ann" {
			t.Fatal(got)
		}
		const flood, most = 1000, 251
		for i := range flood {
			_ = describe(t, provider, bearing("made-up-"+strconv.Itoa(i)))
		}
		if asked := s.count(); asked != most {
			t.Errorf("%d made-up tokens, and one good one, asked %d times", flood, asked)
		}
		if got := describe(t, provider, bearing("ann")); got != "opaque ann" {
			t.Errorf("who is known: %s", got)
		}
		if got := describe(t, provider, bearing("bob")); got != "unavailable" {
			t.Errorf("who is new: %s", got)
		}
		time.Sleep(time.Second)
		if got := describe(t, provider, bearing("bob")); got != "opaque bob" {
			t.Errorf("who is new, later: %s", got)
		}
	})
}
