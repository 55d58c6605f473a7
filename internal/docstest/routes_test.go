package docstest_test

import (
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// TestRoutes compiles the page's routes, in front of a contract of their own.
func TestRoutes(t *testing.T) {
	t.Parallel()
	config := named(t, snippets(t, root+"/docs/configuration.md"), "sheaf.yaml with routes")
	compiled := plantest.Compile(t, "-- sheaf.yaml --\n"+config+`-- proto/shop/v1/shop.proto --
syntax = "proto3";
package shop.v1;
service Shop {
  rpc GetProduct(GetProductRequest) returns (Product) { option idempotency_level = NO_SIDE_EFFECTS; }
}
message GetProductRequest { string product_id = 1; }
message Product { string title = 1; }
-- bindings/shop.yaml --
service: shop.v1.Shop
rpcs:
  GetProduct:
    calls: {product: {get: "catalog:/products/${request.product_id}"}}
    response: {title: product.title}
-- bindings/next.yaml --
service: shop.v1.Shop
name: next
rpcs:
  GetProduct:
    calls: {product: {get: "catalog:/v2/products/${request.product_id}"}}
    response: {title: product.name}
`)
	if got := len(compiled.Find("GetProduct").Routes); got != 5 {
		t.Errorf("%d routes, want 5", got)
	}
}
