package bff_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/gen/shop/v1/shopv1connect"
)

const (
	getProduct   = "/shop.v1.StorefrontService/GetProduct"
	partialField = "Sheaf-Partial"
)

// way is a way to call GetProduct.
type way struct {
	name string
	call func(t *testing.T, h *house, id string) (*shopv1.GetProductResponse, string)
}

// ways are all wire forms, by generated clients and by hand. Each returns the response and its report header.
func ways() []way {
	return []way{
		{"connect", viaConnect()},
		{"connect json", viaConnect(connect.WithProtoJSON())},
		{"connect gzip", viaConnect(connect.WithSendGzip())},
		{"connect get", viaConnect(connect.WithHTTPGet())},
		{"grpc", viaConnect(connect.WithGRPC())},
		{"grpc json", viaConnect(connect.WithGRPC(), connect.WithProtoJSON())},
		{"grpc gzip", viaConnect(connect.WithGRPC(), connect.WithSendGzip())},
		{"grpc-web", viaConnect(connect.WithGRPCWeb())},
		{"grpc-go", viaGRPCGo},
		{"json post", viaPost},
		{"json get", viaGet},
	}
}

func viaConnect(options ...connect.ClientOption) func(*testing.T, *house, string) (*shopv1.GetProductResponse, string) {
	return func(t *testing.T, h *house, id string) (*shopv1.GetProductResponse, string) {
		t.Helper()
		client := shopv1connect.NewStorefrontServiceClient(h.h2c, h.url, options...)
		response, err := client.GetProduct(withDeadline(t), connect.NewRequest(&shopv1.GetProductRequest{ProductId: id}))
		if err != nil {
			t.Fatal(err)
		}
		return response.Msg, response.Header().Get(partialField)
	}
}

func viaGRPCGo(t *testing.T, h *house, id string) (*shopv1.GetProductResponse, string) {
	t.Helper()
	connection, err := grpc.NewClient(strings.TrimPrefix(h.url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	var response shopv1.GetProductResponse
	var header metadata.MD
	err = connection.Invoke(withDeadline(t), getProduct, &shopv1.GetProductRequest{ProductId: id}, &response, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	return &response, strings.Join(header.Get(partialField), "")
}

func viaPost(t *testing.T, h *house, id string) (*shopv1.GetProductResponse, string) {
	t.Helper()
	return readJSON(t, post(t, h, getProduct, fmt.Sprintf(`{"productId": %q}`, id)))
}

func viaGet(t *testing.T, h *house, id string) (*shopv1.GetProductResponse, string) {
	t.Helper()
	query := url.Values{"encoding": {"json"}, "connect": {"v1"}, "message": {fmt.Sprintf(`{"productId": %q}`, id)}}
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodGet, h.url+getProduct+"?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := h.http1.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return readJSON(t, response)
}

// post sends a JSON request the way curl does.
func post(t *testing.T, h *house, path, body string) *http.Response {
	t.Helper()
	response, err := h.http1.Do(newPost(t, h, path, body))
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func newPost(t *testing.T, h *house, path, body string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	return request
}

func readJSON(t *testing.T, response *http.Response) (*shopv1.GetProductResponse, string) {
	t.Helper()
	body := readAll(t, response)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", response.StatusCode, body)
	}
	var message shopv1.GetProductResponse
	if err := protojson.Unmarshal([]byte(body), &message); err != nil {
		t.Fatal(err)
	}
	return &message, response.Header.Get(partialField)
}

func readAll(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestProtocols calls one RPC in every way: the same message each time.
func TestProtocols(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	want, _ := viaPost(t, h, "p-100")
	if want.GetTitle() != "Enamel mug" || want.GetInStock() != 42 || len(want.GetReviews()) != 3 || want.GetPrice().GetCents() != 50 ||
		want.GetWeightGrams().GetValue() != 140 || want.GetDetails().GetFields()["since"].GetNumberValue() != 1921 || len(want.GetThumbnail()) == 0 {
		t.Fatalf("response = %v", want)
	}
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			got, report := way.call(t, h, "p-100")
			if !proto.Equal(got, want) {
				t.Errorf("response = %v\nwant %v", got, want)
			}
			if report != "" {
				t.Errorf("%s = %s, want none", partialField, report)
			}
		})
	}
}

// TestReflection finds the service and its file the way grpcurl and buf curl do.
func TestReflection(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	client := grpcreflect.NewClient(h.h2c, h.url, connect.WithGRPC())
	stream := client.NewStream(withDeadline(t))
	defer func() { _, _ = stream.Close() }()
	services, err := stream.ListServices()
	if err != nil {
		t.Fatal(err)
	}
	if len(services) != 1 || services[0] != shopv1connect.StorefrontServiceName {
		t.Errorf("services = %v", services)
	}
	files, err := stream.FileContainingSymbol(shopv1connect.StorefrontServiceName)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		names[file.GetName()] = true
	}
	for _, want := range []string{"shop/v1/storefront.proto", "sheaf/v1/partial.proto", "buf/validate/validate.proto"} {
		if !names[want] {
			t.Errorf("reflection lacks %s", want)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	body := readAll(t, post(t, h, "/grpc.health.v1.Health/Check", `{"service": "shop.v1.StorefrontService"}`))
	contains(t, body, "SERVING")
}

// TestWrites runs the RPCs that change something, and reads what they changed.
func TestWrites(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	client := shopv1connect.NewStorefrontServiceClient(h.http1, h.url)
	ctx := withDeadline(t)
	placed, err := client.PlaceOrder(ctx, connect.NewRequest(&shopv1.PlaceOrderRequest{
		CustomerId: "c-9", ProductId: "p-300", Quantity: 2, Note: new(`say "hi" & bye`),
	}))
	if err != nil {
		t.Fatal(err)
	}
	if placed.Msg.GetOrderId() != 9007199254740995 {
		t.Errorf("order id = %d, want 9007199254740995, which no double holds", placed.Msg.GetOrderId())
	}
	id := placed.Msg.GetOrderId()
	read, err := client.GetOrder(ctx, connect.NewRequest(&shopv1.GetOrderRequest{OrderId: id}))
	if err != nil {
		t.Fatal(err)
	}
	order := read.Msg.GetOrder()
	if order.GetNote() != `say "hi" & bye` || order.GetTotal().GetUnits() != 39 || order.GetTotal().GetCents() != 98 || order.GetPayment() != nil {
		t.Errorf("order = %v", order)
	}
	updated, err := client.UpdateOrder(ctx, connect.NewRequest(&shopv1.UpdateOrderRequest{OrderId: id, Note: new("")}))
	if err != nil {
		t.Fatal(err)
	}
	if updated.Msg.Note == nil || updated.Msg.GetNote() != "" {
		t.Errorf("note = %v, want one that is there and empty", updated.Msg.Note)
	}
	if _, err := client.CancelOrder(ctx, connect.NewRequest(&shopv1.CancelOrderRequest{OrderId: id})); err != nil {
		t.Fatal(err)
	}
	_, err = client.GetOrder(ctx, connect.NewRequest(&shopv1.GetOrderRequest{OrderId: id}))
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("error after cancelling = %v, want not_found", err)
	}
}

// TestGetOnlyWithoutSideEffects: an RPC that may change something is not served on GET.
func TestGetOnlyWithoutSideEffects(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	target := h.url + "/shop.v1.StorefrontService/CancelOrder?encoding=json&message=%7B%7D"
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := h.http1.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, response)
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("status = %d, want 405", response.StatusCode)
	}
}

// TestUnknownRPC: a misspelt RPC is unimplemented in every protocol, and the right one is suggested.
func TestUnknownRPC(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	for _, option := range []connect.ClientOption{connect.WithProtoJSON(), connect.WithGRPC(), connect.WithGRPCWeb()} {
		client := connect.NewClient[shopv1.GetProductRequest, shopv1.GetProductResponse](h.h2c, h.url+"/shop.v1.StorefrontService/GetProdct", option)
		_, err := client.CallUnary(withDeadline(t), connect.NewRequest(&shopv1.GetProductRequest{}))
		if connect.CodeOf(err) != connect.CodeUnimplemented || !strings.Contains(err.Error(), `did you mean "shop.v1.StorefrontService/GetProduct"?`) {
			t.Errorf("error = %v", err)
		}
	}
	response, err := h.http1.Get(h.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, readAll(t, response), "no RPC")
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("status = %d", response.StatusCode)
	}
}
