package storefront_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/examples/storefront"
	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/gen/shop/v1/shopv1connect"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// TestListOrders: a hundred orders and who made them are two upstream calls, and an order whose customer is not known has
// none.
func TestListOrders(t *testing.T) {
	t.Parallel()
	shop := pretend.NewShop()
	shop.AddOrders(100)
	started, err := shop.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = started.Close() }()
	server, err := bff.Open(plantest.Patient(t, storefront.Files()), bff.WithLookupEnv(started.LookupEnv))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	front := httptest.NewServer(server.Handler())
	defer front.Close()
	client := shopv1connect.NewStorefrontServiceClient(http.DefaultClient, front.URL)
	response, err := client.ListOrders(t.Context(), connect.NewRequest(&shopv1.ListOrdersRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, order := range response.Msg.GetOrders() {
		if order.GetCustomer().GetName() != "" {
			named++
		}
	}
	if len(response.Msg.GetOrders()) != 100 || named != 75 || response.Msg.GetPartial() != nil {
		t.Errorf("got %d orders, %d with a name, partial %v", len(response.Msg.GetOrders()), named, response.Msg.GetPartial())
	}
	if calls := shop.Calls(); calls["orders"] != 1 || calls["customers"] != 1 {
		t.Errorf("calls = %v, want one of orders and one of customers", calls)
	}
}
