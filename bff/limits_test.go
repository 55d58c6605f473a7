package bff_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/alicebob/miniredis/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sheaf-rpc/sheaf/bff"
	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/gen/shop/v1/shopv1connect"
)

const limits = `
policy:
  limits:
    products: {rpcs: [shop.v1.StorefrontService/GetProduct], rate: 5/h, burst: 2}
    texts: {rpcs: [shop.v1.StorefrontService/GetProduct], key: request.product_id, quota: 10/day}
`

// TestLimits: whatever a client speaks, it is told what is left, and when to come again, in headers and not in trailers.
func TestLimits(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]connect.ClientOption{
		"connect": connect.WithProtoJSON(), "connect get": connect.WithHTTPGet(), "grpc": connect.WithGRPC(), "grpc-web": connect.WithGRPCWeb(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openHouseWith(t, limits)
			client := shopv1connect.NewStorefrontServiceClient(h.h2c, h.url, option)
			for i := range 3 {
				ctx, info := connect.NewClientContext(withDeadline(t))
				_, err := client.GetProduct(ctx, connect.NewRequest(&shopv1.GetProductRequest{ProductId: "p-100"}))
				if refused := connect.CodeOf(err) == connect.CodeResourceExhausted; refused != (i == 2) || err != nil && !refused {
					t.Fatalf("%d: error = %v", i, err)
				}
				header := info.ResponseHeader()
				if failure, ok := errors.AsType[*connect.Error](err); ok {
					header = failure.Meta()
				}
				left := header.Get("Ratelimit")
				if !strings.HasPrefix(left, []string{`"products";r=1;t=`, `"products";r=0;t=`, `"products";r=0;t=`}[i]) || !strings.Contains(left, `"texts";r=`) {
					t.Errorf("%d: RateLimit = %q", i, left)
				}
				if got := header.Get("Ratelimit-Policy"); got != `"products";q=5;w=3600;sheaf-burst=2, "texts";q=10;w=86400` {
					t.Errorf("%d: RateLimit-Policy = %q", i, got)
				}
				if retry := header.Get("Retry-After"); (i == 2) != (retry == "720" || retry == "719") { // the test may be slow
					t.Errorf("%d: Retry-After = %q", i, retry)
				}
			}
			if _, err := client.GetHome(withDeadline(t), connect.NewRequest(&shopv1.GetHomeRequest{})); connect.CodeOf(err) == connect.CodeResourceExhausted {
				t.Errorf("another RPC: %v", err)
			}
		})
	}
}

// TestLimitsTrailers: the fields must not be in trailers.
func TestLimitsTrailers(t *testing.T) {
	t.Parallel()
	h := openHouseWith(t, limits)
	connection, err := grpc.NewClient(strings.TrimPrefix(h.url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	for i := range 3 {
		var header, trailer metadata.MD
		err := connection.Invoke(withDeadline(t), getProduct, &shopv1.GetProductRequest{ProductId: "p-100"}, &shopv1.GetProductResponse{}, grpc.Header(&header), grpc.Trailer(&trailer))
		if code := status.Code(err); (code == codes.ResourceExhausted) != (i == 2) {
			t.Fatalf("%d: error = %v", i, err)
		}
		if len(header.Get("ratelimit")) != 1 || len(header.Get("ratelimit-policy")) != 1 || len(trailer.Get("ratelimit")) != 0 {
			t.Errorf("%d: header %v, trailer %v", i, header, trailer)
		}
	}
}

// TestLimitsReload: a reload gives nothing back, in memory and in Redis, and replicas that share a Redis share limits.
func TestLimitsReload(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	for name, settings := range map[string]string{
		"memory": "", "redis": ", store: redis, when_away: deny",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keep := bff.WithLookupEnv(func(string) (string, bool) { return "http://127.0.0.1:1", true })
			dir := withSettings(t, "redis: {addresses: ['"+redis.Addr()+"'], timeout: 10s}\npolicy: {limits: {all: {quota: 3/month"+settings+"}}}\n")
			file := dir + "/sheaf.yaml"
			one, two := serve(t, dir, keep), serve(t, dir, keep)
			ask := func(h *house) bool {
				t.Helper()
				response := post(t, h, getProduct, `{"productId": "p-100"}`)
				defer response.Body.Close()
				_, _ = io.Copy(io.Discard, response.Body)
				return response.StatusCode == http.StatusTooManyRequests
			}
			for i := range 3 {
				if ask(one) {
					t.Fatalf("%d is refused", i)
				}
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, append(content, "# another one\n"...), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := one.server.Reload(withDeadline(t)); err != nil {
				t.Fatal(err)
			}
			if !ask(one) {
				t.Error("a reload gives back what was used")
			}
			if shared := ask(two); shared != (name == "redis") {
				t.Errorf("the other replica refuses: %v", shared)
			}
		})
	}
}
