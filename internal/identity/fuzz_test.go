package identity_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/identity"
)

// FuzzBearer: no value of Authorization but the one that was signed gives a caller, and no refusal quotes it.
func FuzzBearer(f *testing.F) {
	provider := openJWT(f, &issuer{keys: published()[:1]}, nil)
	good := "Bearer " + newDraft().token()
	f.Add(good)
	for _, rows := range attacks() {
		for _, row := range rows {
			d := newDraft()
			row.bad(d)
			if values := d.proof().Header["Authorization"]; len(values) == 1 {
				f.Add(values[0])
			}
		}
	}
	f.Fuzz(func(t *testing.T, value string) {
		caller, err := provider.Identify(t.Context(), identity.Proof{Header: http.Header{"Authorization": {value}}})
		if wrong, ok := errors.AsType[*identity.Error](err); ok && len(wrong.Reason) > 100 {
			t.Errorf("reason = %q", wrong.Reason)
		}
		if caller != nil && value[len("Bearer "):] != good[len("Bearer "):] {
			t.Errorf("%q gives %v", value, caller)
		}
	})
}
