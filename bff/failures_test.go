package bff_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/gen/shop/v1/shopv1connect"
)

// TestOptionalDown: without an optional upstream the response says what is missing, over every protocol. After enough
// failures the upstream is not asked any more, and when it is well again, so is the response.
func TestOptionalDown(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	h.shop.Break("reviews", http.StatusServiceUnavailable)
	for _, way := range ways() {
		response, report := way.call(t, h, "p-100")
		missing := response.GetPartial().GetMissingCalls()
		if len(missing) != 1 || missing[0].GetCall() != "reviews" || missing[0].GetCode() != code.Code_UNAVAILABLE || !missing[0].GetRetryable() {
			t.Fatalf("%s: missing = %v", way.name, missing)
		}
		if got := missing[0].GetFields(); len(got) != 1 || got[0] != "reviews" {
			t.Errorf("%s: fields = %v, want reviews", way.name, got)
		}
		if response.GetReviews() != nil || response.GetTitle() == "" || response.GetInStock() != 42 {
			t.Errorf("%s: response = %v", way.name, response)
		}
		contains(t, report, `"call":"reviews"`, `"fields":["reviews"]`, `"code":"UNAVAILABLE"`)
	}
	if asked := h.shop.Calls()["reviews"]; asked >= len(ways()) {
		t.Errorf("reviews was asked %d times; its breaker should have opened after 5", asked)
	}
	contains(t, h.logs.String(), `"to":"open"`, "optional call gave no answer", "bindings/storefront.yaml:8:7")
	if lines := strings.Count(h.logs.String(), "optional call gave no answer"); lines != h.shop.Calls()["reviews"] {
		t.Errorf("%d lines about %d calls that were made: those that the breaker refuses need none", lines, h.shop.Calls()["reviews"])
	}
	h.shop.Break("reviews", 0)
	ctx := withDeadline(t)
	for h.missesReviews(t) {
		select {
		case <-ctx.Done():
			t.Fatal("the breaker did not close again")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (h *house) missesReviews(t *testing.T) bool {
	t.Helper()
	response, _ := viaPost(t, h, "p-100")
	return response.GetPartial() != nil
}

// TestRequiredDown: without a required upstream the client learns a code and a reason, and the log the place.
func TestRequiredDown(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	h.shop.Break("catalog", http.StatusServiceUnavailable)
	for _, option := range []connect.ClientOption{connect.WithProtoJSON(), connect.WithGRPC(), connect.WithGRPCWeb()} {
		client := shopv1connect.NewStorefrontServiceClient(h.h2c, h.url, option)
		_, err := client.GetProduct(withDeadline(t), connect.NewRequest(&shopv1.GetProductRequest{ProductId: "p-100"}))
		failure, ok := errors.AsType[*connect.Error](err)
		if !ok || failure.Code() != connect.CodeUnavailable {
			t.Fatalf("error = %v, want unavailable", err)
		}
		info := detail[*errdetails.ErrorInfo](t, failure)
		if info.GetReason() != "UPSTREAM_UNAVAILABLE" || info.GetDomain() != "shop.v1.StorefrontService" {
			t.Errorf("error info = %v", info)
		}
		for _, internal := range []string{"catalog", "127.0.0.1", "503", "product:", "yaml", "/v2/"} {
			if strings.Contains(failure.Message(), internal) {
				t.Errorf("message names %q: %s", internal, failure.Message())
			}
		}
	}
	contains(t, h.logs.String(), "bindings/storefront.yaml:6:7", "call product", "answered 503")
}

func detail[T any](t *testing.T, failure *connect.Error) T {
	t.Helper()
	for _, one := range failure.Details() {
		value, err := one.Value()
		if err != nil {
			t.Fatal(err)
		}
		if found, ok := value.(T); ok {
			return found
		}
	}
	var none T
	t.Fatalf("error has no detail of type %T", none)
	return none
}

// TestUnreachable: an upstream that refuses connections is unavailable, and its breaker's rest is in RetryInfo.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	h.shop.Break("stock", http.StatusInternalServerError)
	response, _ := viaPost(t, h, "p-100")
	missing := response.GetPartial().GetMissingCalls()
	if len(missing) != 1 || missing[0].GetCall() != "stock" || missing[0].GetRetryable() {
		t.Errorf("missing = %v, want stock, which failed for good", missing)
	}
	if response.GetAvailability() != shopv1.Availability_AVAILABILITY_UNSPECIFIED || response.InStock != nil {
		t.Errorf("response = %v, want nothing of stock", response)
	}
}

// TestClientDeadline: the client's deadline bounds the RPC, over every protocol.
func TestClientDeadline(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	h.shop.SetLatency("catalog", time.Hour)
	for _, option := range []connect.ClientOption{connect.WithProtoJSON(), connect.WithGRPC(), connect.WithGRPCWeb()} {
		ctx, cancel := context.WithTimeout(withDeadline(t), 50*time.Millisecond)
		client := shopv1connect.NewStorefrontServiceClient(h.h2c, h.url, option)
		_, err := client.GetProduct(ctx, connect.NewRequest(&shopv1.GetProductRequest{ProductId: "p-100"}))
		cancel()
		if connect.CodeOf(err) != connect.CodeDeadlineExceeded {
			t.Errorf("error = %v, want deadline_exceeded", err)
		}
	}
}

// TestDrain: an RPC in flight ends well although the server has been told to stop.
func TestDrain(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	h.shop.SetLatency("catalog", 150*time.Millisecond)
	answered := make(chan string, 1)
	go func() {
		response := post(t, h, getProduct, `{"productId": "p-100"}`)
		answered <- readAll(t, response)
	}()
	ctx := withDeadline(t)
	for h.shop.Calls()["catalog"] == 0 {
		select {
		case <-ctx.Done():
			t.Fatal("the RPC never started")
		case <-time.After(time.Millisecond):
		}
	}
	if err := h.stop(); err != nil {
		t.Errorf("serve: %v", err)
	}
	contains(t, <-answered, "Enamel mug")
}

// TestLean: optional calls of an RPC that is beyond the bound by itself are left out; a second one is refused at once.
func TestLean(t *testing.T) {
	t.Parallel()
	h := openHouseWith(t, "server: {max_work: 2}\n") // GetProduct costs 3
	response, _ := viaPost(t, h, "p-100")
	missing := response.GetPartial().GetMissingCalls()
	if len(missing) != 2 || missing[0].GetCode() != code.Code_RESOURCE_EXHAUSTED || response.GetTitle() == "" {
		t.Errorf("response = %v", response)
	}
	if calls := h.shop.Calls(); calls["reviews"] != 0 || calls["stock"] != 0 {
		t.Errorf("calls = %v", calls)
	}
	h.shop.SetLatency("catalog", time.Hour)
	ctx, cancel := context.WithCancel(withDeadline(t))
	client := shopv1connect.NewStorefrontServiceClient(h.http1, h.url)
	get := func(ctx context.Context) error {
		_, err := client.GetProduct(ctx, connect.NewRequest(&shopv1.GetProductRequest{ProductId: "p-100"}))
		return err
	}
	first := make(chan error, 1)
	go func() { first <- get(ctx) }()
	for h.shop.Calls()["catalog"] < 2 {
		select {
		case <-ctx.Done():
			t.Fatal("the RPC never started")
		case <-time.After(time.Millisecond):
		}
	}
	if err := get(ctx); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("error = %v", err)
	}
	cancel()
	if err := <-first; connect.CodeOf(err) != connect.CodeCanceled {
		t.Errorf("error = %v", err)
	}
}
