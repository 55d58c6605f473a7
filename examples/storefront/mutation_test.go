package storefront_test

import (
	"net/http/httptest"
	"testing"

	"github.com/sheaf-rpc/sheaf/examples/storefront"
	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/internal/mutationtest"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// TestTruth changes every value of every answer in turn: never is there another value than before without a report, unless
// the field is gone where the contract allows that, or the new value is as right as the old one.
func TestTruth(t *testing.T) {
	t.Parallel()
	shop, api := pretend.NewShop(), mutationtest.New()
	started := &pretend.Started{Addresses: map[string]string{}}
	for _, name := range pretend.Names() {
		server := httptest.NewServer(api.Wrap(shop.Handler(name)))
		t.Cleanup(server.Close)
		started.Addresses[name] = server.URL
	}
	api.Open(t, plantest.Patient(t, storefront.Files()), started.LookupEnv)
	tried := 0
	for _, one := range []mutationtest.Case{
		{RPC: "GetProduct", Request: `{"productId": "p-100"}`, Response: (*shopv1.GetProductResponse)(nil)},
		{RPC: "GetHome", Request: `{"customerId": "c"}`, Response: (*shopv1.GetHomeResponse)(nil)},
		{RPC: "GetOrder", Request: `{"orderId": "9007199254740993"}`, Response: (*shopv1.GetOrderResponse)(nil)},
		{RPC: "ListOrders", Request: `{}`, Response: (*shopv1.ListOrdersResponse)(nil)},
	} {
		// A review without a name is anonymous: the binding's default.
		one.Plausible = func(change mutationtest.Change) bool { return change.IsGone() && change.Text == "anonymous" }
		tried += api.Try(t, one)
	}
	t.Logf("tried %d mutations", tried)
	const least = 500
	if tried < least {
		t.Errorf("tried %d mutations, want at least %d", tried, least)
	}
}
