package costtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// project has an RPC of one call, and one of three. POLICY stands for its policy.
const project = `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  shop: {base_url: "${env.SHOP_URL}", network: private}
POLICY
-- proto/shop/v1/shop.proto --
syntax = "proto3";
package shop.v1;
import "buf/validate/validate.proto";
import "google/protobuf/timestamp.proto";
service ShopService {
  rpc GetStock(GetStockRequest) returns (GetStockResponse);
  rpc GetProduct(GetProductRequest) returns (GetProductResponse);
}
enum Availability {
  AVAILABILITY_UNSPECIFIED = 0;
  AVAILABILITY_IN_STOCK = 1;
}
message GetStockRequest { string product_id = 1; }
message GetStockResponse { Availability availability = 1; }
message GetProductRequest { string product_id = 1 [(buf.validate.field).string.min_len = 1]; }
message GetProductResponse {
  string title = 1;
  optional int64 cents = 2;
  Availability availability = 3;
  repeated Review reviews = 4;
}
message Review {
  optional string author = 1;
  optional int32 rating = 2;
  google.protobuf.Timestamp created_at = 3;
}
-- bindings/shop.yaml --
service: shop.v1.ShopService
rpcs:
  GetStock:
    calls:
      stock: {get: "shop:/stock/${request.product_id}"}
    response:
      availability: {$enum: stock.state, in_stock: AVAILABILITY_IN_STOCK, $else: AVAILABILITY_UNSPECIFIED}
  GetProduct:
    calls:
      product: {get: "shop:/products/${request.product_id}"}
      reviews: {get: "shop:/reviews/${request.product_id}", query: {limit: 10}, optional: true}
      stock: {get: "shop:/stock/${request.product_id}", optional: true}
    response:
      title: product.name
      cents: product.price.cents
      availability: {$enum: stock.state, in_stock: AVAILABILITY_IN_STOCK, $else: AVAILABILITY_UNSPECIFIED}
      reviews: {$each: r in reviews.items, author: r.user.name, rating: r.stars, created_at: r.created}
`

// policed is a policy with each of its parts on.
const policed = `policy:
  log: refusals
  identity:
    programs: {api_key: {file: keys.json}}
  rules:
    readers: {rpcs: ["*"], allow: caller.id == "reader"}
  limits:
    each: {key: caller.id, rate: 1000000/s, burst: 1000000}
`

// calls are what a client asks for in one RPC.
type calls struct {
	rpc   string
	paths []string
}

var (
	one   = calls{"GetStock", []string{"/stock/p-1"}}
	three = calls{"GetProduct", []string{"/products/p-1", "/reviews/p-1?limit=10", "/stock/p-1"}}
)

// newShop is the upstream.
func newShop(tb testing.TB) *httptest.Server {
	tb.Helper()
	var items []string
	for i := range 10 {
		items = append(items, fmt.Sprintf(`{"id":%d,"user":{"name":"reader %d"},"stars":%d,"text":"Keeps \"warm\" for long","created":"2026-01-02T10:00:00Z"}`, i, i, i%5+1))
	}
	answers := map[string]string{
		"/products/p-1": `{"id":"p-1","name":"Enamel mug","price":{"cents":1499,"currency":"EUR"},"tags":["kitchen","camping"]}`,
		"/reviews/p-1":  `{"items":[` + strings.Join(items, ",") + `],"total":10}`,
		"/stock/p-1":    `{"state":"in_stock","count":12}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(answers[r.URL.Path]))
	}))
	tb.Cleanup(server.Close)
	return server
}

func openShop(tb testing.TB, shop, policy string, options ...bff.Option) (handler http.Handler, key string) {
	tb.Helper()
	dir := plantest.Write(tb, strings.Replace(project, "POLICY\n", policy, 1))
	lookup := func(string) (string, bool) { return shop, true }
	if policy != "" {
		key = newKey(tb, dir)
	}
	server, err := bff.Open(dir, append(options, bff.WithLookupEnv(lookup))...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(server.Close)
	return server.Handler(), key
}
