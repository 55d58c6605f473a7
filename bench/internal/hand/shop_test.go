package hand_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"connectrpc.com/connect"
	gojson "github.com/goccy/go-json"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	benchv1 "github.com/sheaf-rpc/sheaf/bench/gen/bench/v1"
	"github.com/sheaf-rpc/sheaf/bench/gen/bench/v1/benchv1connect"
	"github.com/sheaf-rpc/sheaf/bench/internal/hand"
	"github.com/sheaf-rpc/sheaf/bench/internal/upstream"
)

// start starts services and a handler in front of them, of a kind and with a decoder.
func start(t *testing.T, kind string, decode hand.Decode) benchv1connect.ShopServiceClient {
	t.Helper()
	front := httptest.NewServer(hand.NewHandler("http://"+startServices(t)+kind, decode))
	t.Cleanup(front.Close)
	return benchv1connect.NewShopServiceClient(front.Client(), front.URL)
}

// startServices starts the services, and returns their address.
func startServices(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- upstream.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func equal(t *testing.T, got proto.Message, want string) {
	t.Helper()
	expected := got.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal([]byte(want), expected); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, expected) {
		t.Errorf("got  %v\nwant %v", got, expected)
	}
}

// What the rest of the benchmark takes as right is written out here.

const withoutReviews = `"id": "p-100", "title": "Café Crème mug \"Grande\"", "price": {"cents": 1450, "currency": "EUR"},
	"url": "https://shop.example/p/cafe-creme-mug-grande", "onSale": true, "tags": ["kitchen", "ceramic", "new"],
	"availability": "AVAILABILITY_IN_STOCK", "inStock": 42`

func review(author string, rating, minutes, at int) string {
	text, _ := json.Marshal(map[string]any{
		"author": author, "rating": rating, "created_at": time.Date(2026, 2, 10+at, 12, at, 30, 0, time.UTC),
		"text": "It keeps coffee warm for " + strconv.Itoa(minutes) +
			" minutes, \"and then some\".\nThe handle is comfortable; the glaze is a bit thinner than on the picture, but I'd buy it again.",
	})
	return string(text)
}

func TestGetProduct(t *testing.T) {
	t.Parallel()
	for name, decode := range map[string]hand.Decode{"encoding/json": json.Unmarshal, "goccy/go-json": gojson.Unmarshal} {
		client := start(t, "", decode)
		response, err := client.GetProduct(t.Context(), connect.NewRequest(&benchv1.GetProductRequest{ProductId: "p-100"}))
		if err != nil {
			t.Fatal(name, err)
		}
		equal(t, response.Msg, `{`+withoutReviews+`, "reviews": [`+review("Zoë", 5, 20, 0)+`,`+review("O'Brien", 4, 27, 1)+`,`+
			review("Łukasz", 3, 34, 2)+`,`+review("Чарли", 5, 41, 3)+`,`+review("Ana", 4, 48, 4)+`]}`)
	}
}

// TestReviewsFail: the page is there without them, and says so; with the breaker open, too.
func TestReviewsFail(t *testing.T) {
	t.Parallel()
	client := start(t, upstream.Failing, json.Unmarshal)
	for range 20 {
		response, err := client.GetProduct(t.Context(), connect.NewRequest(&benchv1.GetProductRequest{ProductId: "p-100"}))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, response.Msg, `{`+withoutReviews+`, "partial": {"missingCalls": [
			{"call": "reviews", "fields": ["reviews"], "code": "UNAVAILABLE", "retryable": true}]}}`)
	}
}

func TestUnknownProduct(t *testing.T) {
	t.Parallel()
	client := start(t, "", json.Unmarshal)
	_, err := client.GetProduct(t.Context(), connect.NewRequest(&benchv1.GetProductRequest{ProductId: "p-0"}))
	if connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("error = %v", err)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	client := start(t, "", json.Unmarshal)
	tiles, err := client.GetTiles30(t.Context(), connect.NewRequest(&benchv1.GetTilesRequest{PageId: "home"}))
	if err != nil || len(tiles.Msg.GetTiles()) != 30 {
		t.Fatalf("%v tiles, error %v", tiles, err)
	}
	equal(t, tiles.Msg.GetTiles()[6], `{"title": "Café tile №7, \"small\"", "price": {"cents": 1060, "currency": "EUR"}, "tags": ["kitchen", "ceramic", "new"]}`)

	catalog, err := client.GetCatalog(t.Context(), connect.NewRequest(&benchv1.GetCatalogRequest{Size: "2KB"}))
	if err != nil || len(catalog.Msg.GetItems()) != 7 {
		t.Fatalf("%v, error %v", catalog, err)
	}
	equal(t, catalog.Msg.GetItems()[5], `{"id": 100005, "title": "Crème mug \"Łódź\" 5", "price": {"cents": 905, "currency": "EUR"}}`)

	ids, err := client.ListItemIds(t.Context(), connect.NewRequest(&benchv1.GetCatalogRequest{Size: "300B"}))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, ids.Msg, `{"ids": [100000]}`)

	orders, err := client.ListOrders(t.Context(), connect.NewRequest(&benchv1.ListOrdersRequest{ShopId: "s-1"}))
	if err != nil || len(orders.Msg.GetOrders()) != 100 {
		t.Fatalf("%v, error %v", orders, err)
	}
	equal(t, orders.Msg.GetOrders()[99], `{"id": 70099, "placedAt": "2026-02-16T12:39:30Z", "total": {"cents": 5800, "currency": "EUR"},
		"customer": {"id": "c-33", "name": "Zoë \"Z\" Łukasz 33"}}`)
}
