package policy_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

const procedure = "/shop.v1.StorefrontService/GetProduct"

type (
	request  = connect.Request[shopv1.GetProductRequest]
	response = connect.Response[shopv1.GetProductResponse]
)

// call serves one RPC behind an interceptor, and calls it.
func call(t *testing.T, interceptor connect.Interceptor, serve func(context.Context, *request) (*response, error), message *shopv1.GetProductRequest) error {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(procedure, connect.NewUnaryHandler(procedure, serve, connect.WithInterceptors(interceptor)))
	server := httptest.NewServer(mux)
	defer server.Close()
	client := connect.NewClient[shopv1.GetProductRequest, shopv1.GetProductResponse](server.Client(), server.URL+procedure)
	_, err := client.CallUnary(t.Context(), connect.NewRequest(message))
	return err
}

func fine(context.Context, *request) (*response, error) {
	return connect.NewResponse(&shopv1.GetProductResponse{}), nil
}

// TestRecover: a panic tells the client nothing, and the log everything.
func TestRecover(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	recovering := policy.Recover(slog.New(slog.NewJSONHandler(&logged, nil)))
	err := call(t, recovering, func(context.Context, *request) (*response, error) { panic("secret of ours") }, &shopv1.GetProductRequest{})
	if connect.CodeOf(err) != connect.CodeInternal || strings.Contains(err.Error(), "secret of ours") {
		t.Errorf("error = %v", err)
	}
	if !strings.Contains(logged.String(), "secret of ours") || !strings.Contains(logged.String(), "policy_test.go") {
		t.Errorf("log = %s", logged.String())
	}
}

// TestDeadline: an RPC ends at its timeout, and before its client stops waiting, if that has said how long it waits (not 0).
func TestDeadline(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ waits, timeout, want time.Duration }{
		{0, time.Second, time.Second},
		{20 * time.Millisecond, time.Second, 19 * time.Millisecond},
		{200 * time.Millisecond, time.Second, 190 * time.Millisecond},
		{10 * time.Second, time.Minute, 9990 * time.Millisecond},
		{1005 * time.Millisecond, time.Second, 995 * time.Millisecond},
		{time.Minute, time.Second, time.Second},
		{-time.Second, time.Second, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun, ctx := time.Now(), t.Context()
			if test.waits != 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, test.waits)
				defer cancel()
			}
			deadline := policy.Deadline(test.timeout).WrapUnary(func(ctx context.Context, _ connect.AnyRequest) (connect.AnyResponse, error) {
				if got := policy.IsAwaited(ctx); got != (test.waits != 0) {
					t.Errorf("client waits %s: awaited %t", test.waits, got)
				}
				if got := policy.EndsForClient(ctx); got != (test.waits != 0 && test.want < test.timeout) {
					t.Errorf("client waits %s, timeout %s: ends for the client %t", test.waits, test.timeout, got)
				}
				<-ctx.Done()
				return nil, ctx.Err()
			})
			_, err := deadline(ctx, connect.NewRequest(&shopv1.GetProductRequest{}))
			if took := time.Since(begun); took != test.want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("client waits %s, timeout %s: %v after %s, want %s", test.waits, test.timeout, err, took, test.want)
			}
		})
	}
}

// TestValidate: every broken rule is named with its field.
func TestValidate(t *testing.T) {
	t.Parallel()
	validating := policy.Validate(protovalidate.GlobalValidator)
	err := call(t, validating, fine, &shopv1.GetProductRequest{MaxReviews: new(int32(99))})
	failure, ok := errors.AsType[*connect.Error](err)
	if !ok || failure.Code() != connect.CodeInvalidArgument || len(failure.Details()) != 1 {
		t.Fatalf("error = %v", err)
	}
	detail, err := failure.Details()[0].Value()
	if err != nil {
		t.Fatal(err)
	}
	violations := detail.(*errdetails.BadRequest).GetFieldViolations()
	if len(violations) != 2 || violations[0].GetField() != "product_id" || violations[1].GetField() != "max_reviews" {
		t.Errorf("violations = %v", violations)
	}
	if err := call(t, validating, fine, &shopv1.GetProductRequest{ProductId: "p"}); err != nil {
		t.Errorf("error = %v", err)
	}
}
