package bff_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/gen/shop/v1/shopv1connect"
)

// Embed Sheaf: load a directory, get an http.Handler, mount it where you like.
func Example() {
	upstreams, err := pretend.NewShop().Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer upstreams.Close()

	server, err := bff.Open("../examples/storefront", bff.WithLookupEnv(upstreams.LookupEnv))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	front := httptest.NewServer(server.Handler())
	defer front.Close()

	client := shopv1connect.NewStorefrontServiceClient(front.Client(), front.URL)
	response, err := client.GetProduct(context.Background(), connect.NewRequest(&shopv1.GetProductRequest{ProductId: "p-100"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.Msg.GetTitle(), response.Msg.GetPrice().GetUnits(), response.Msg.GetAvailability())
	// Output: Enamel mug 14 AVAILABILITY_IN_STOCK
}
