package bff_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// TestIdempotencyFunctions: a function may change something; one that gives the code of a refusal has not.
func TestIdempotencyFunctions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		code int
		runs int64
	}{
		"carried out": {nil, http.StatusOK, 1},
		"refused":     {connect.NewError(connect.CodeNotFound, errors.New("no such product")), http.StatusNotFound, 2},
		"failed":      {errors.New("a bug"), http.StatusInternalServerError, 1},
		"unavailable": {connect.NewError(connect.CodeUnavailable, errors.New("busy")), http.StatusInternalServerError, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var runs atomic.Int64
			price := bff.WithFunction("price", func(context.Context, *wrapperspb.StringValue) (*wrapperspb.Int64Value, error) {
				runs.Add(1)
				return wrapperspb.Int64(1), test.err
			})
			project := strings.Replace(extended, "      shout: shop.shout(request.id)\n", "", 1)
			project = strings.Replace(project, "  string shout = 2;\n", "", 1) +
				"-- sheaf.yaml --\ncontract: proto\nbindings: bindings\npolicy: {idempotency: {rpcs: [t.S/Get]}}\n"
			h := serve(t, plantest.Write(t, project), price)
			for range 2 {
				request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, h.url+"/t.S/Get", strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Idempotency-Key", orderKey)
				response, err := h.http1.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				if response.StatusCode != test.code {
					t.Errorf("status %d, want %d", response.StatusCode, test.code)
				}
			}
			if runs.Load() != test.runs {
				t.Errorf("%d runs, want %d", runs.Load(), test.runs)
			}
		})
	}
}
