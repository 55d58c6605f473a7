package policy_test

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// TestIdempotencyKeys: one key, of visible characters, as a text or a String of structured fields.
func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	const long = "0123456789abcdef0123456789"
	for name, test := range map[string]struct {
		header   http.Header
		caller   string
		required bool
		want     string
	}{
		"plain":              {header: http.Header{"Idempotency-Key": {long}}, want: "ok"},
		"quoted":             {header: http.Header{"Idempotency-Key": {` "` + long + `" `}}, want: "ok"},
		"escaped":            {header: http.Header{"Idempotency-Key": {`"a\"b\\c,d"`}}, caller: "a", want: "ok"},
		"short":              {header: http.Header{"Idempotency-Key": {"1"}}, caller: "a", want: "ok"},
		"longest":            {header: http.Header{"Idempotency-Key": {strings.Repeat("x", 255)}}, want: "ok"},
		"too long":           {header: http.Header{"Idempotency-Key": {strings.Repeat("x", 256)}}, want: invalid},
		"short, anonymous":   {header: http.Header{"Idempotency-Key": {"order-17"}}, want: "invalid_argument IDEMPOTENCY_KEY_WEAK"},
		"none":               {want: "ok"},
		"none, required":     {required: true, want: "invalid_argument IDEMPOTENCY_KEY_MISSING"},
		"empty":              {header: http.Header{"Idempotency-Key": {""}}, want: invalid},
		"empty quotes":       {header: http.Header{"Idempotency-Key": {`""`}}, want: invalid},
		"two":                {header: http.Header{"Idempotency-Key": {long, long}}, want: invalid},
		"two in one line":    {header: http.Header{"Idempotency-Key": {long + "," + long}}, want: invalid},
		"two strings":        {header: http.Header{"Idempotency-Key": {`"` + long + `","` + long + `"`}}, want: invalid},
		"space":              {header: http.Header{"Idempotency-Key": {long + " " + long}}, want: invalid},
		"not ASCII":          {header: http.Header{"Idempotency-Key": {long + "ä"}}, want: invalid},
		"no closing quote":   {header: http.Header{"Idempotency-Key": {`"` + long}}, want: invalid},
		"open escape":        {header: http.Header{"Idempotency-Key": {`"` + long + `\`}}, want: invalid},
		"wrong escape":       {header: http.Header{"Idempotency-Key": {`"\n` + long + `"`}}, want: invalid},
		"with a parameter":   {header: http.Header{"Idempotency-Key": {`"` + long + `";a`}}, want: invalid},
		"a control":          {header: http.Header{"Idempotency-Key": {long + "\x7f"}}, want: invalid},
		"quote in the midst": {header: http.Header{"Idempotency-Key": {long + `"`}}, want: "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := newShopOnce(func(context.Context) (*shopv1.GetProductResponse, error) { return &shopv1.GetProductResponse{}, nil })
			shop.config.Required = test.required
			call := &policy.Call{RPC: "shop.v1.S/Buy", Caller: identity.Anonymous()}
			if test.caller != "" {
				call.Caller = identity.New("keys", test.caller, "", nil, nil)
			}
			request := connect.NewRequest(&shopv1.GetProductRequest{})
			maps.Copy(request.Header(), test.header)
			serve := policy.NewIdempotency(shop.config).Interceptor(codec).WrapUnary(func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) {
				return connect.NewResponse(&shopv1.GetProductResponse{}), nil
			})
			got := "ok"
			if _, err := serve(policy.With(t.Context(), call), request); err != nil {
				got = outcomeOf(err)
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
