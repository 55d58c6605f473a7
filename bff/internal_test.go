package bff_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/gen/shop/v1/shopv1connect"
)

// listenBesides serves on another listener of a house until the test ends, and returns its URL.
func listenBesides(t *testing.T, serve func(context.Context, net.Listener) error) (url string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return "http://" + listener.Addr().String()
}

const twoInternal = "internal: {listen: 127.0.0.1:0, rpcs: [shop.v1.StorefrontService/GetOrder, shop.v1.StorefrontService/CancelOrder]}\n"

// TestInternalListener: an internal RPC is on its listener alone, and there is nothing else but health.
func TestInternalListener(t *testing.T) {
	t.Parallel()
	h := openHouseWith(t, twoInternal)
	inside := *h
	inside.url = listenBesides(t, h.server.ServeInternal)
	t.Cleanup(func() { inside.http1.CloseIdleConnections(); inside.h2c.CloseIdleConnections() })
	for _, option := range []connect.ClientOption{connect.WithProtoJSON(), connect.WithGRPC(), connect.WithGRPCWeb()} {
		public, internal := shopv1connect.NewStorefrontServiceClient(h.h2c, h.url, option), shopv1connect.NewStorefrontServiceClient(h.h2c, inside.url, option)
		ctx := withDeadline(t)
		if _, err := public.GetOrder(ctx, connect.NewRequest(&shopv1.GetOrderRequest{OrderId: 1})); connect.CodeOf(err) != connect.CodeUnimplemented {
			t.Errorf("outside, an internal RPC: %v", err)
		}
		if _, err := internal.GetOrder(ctx, connect.NewRequest(&shopv1.GetOrderRequest{OrderId: 1})); connect.CodeOf(err) != connect.CodeNotFound {
			t.Errorf("inside, an internal RPC: %v", err)
		}
		if _, err := public.GetProduct(ctx, connect.NewRequest(&shopv1.GetProductRequest{ProductId: "p-100"})); err != nil {
			t.Errorf("outside, a public RPC: %v", err)
		}
		if _, err := internal.GetProduct(ctx, connect.NewRequest(&shopv1.GetProductRequest{ProductId: "p-100"})); connect.CodeOf(err) != connect.CodeUnimplemented {
			t.Errorf("inside, a public RPC: %v", err)
		}
	}
	for _, url := range []string{h.url, inside.url} {
		one := inside
		one.url = url
		contains(t, readAll(t, post(t, &one, "/grpc.health.v1.Health/Check", `{}`)), "SERVING")
		contains(t, readAll(t, post(t, &one, "/grpc.health.v1.Health/Check", `{"service": "shop.v1.StorefrontService"}`)), "SERVING")
	}
	if response := post(t, &inside, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "{}"); response.StatusCode != http.StatusNotFound {
		t.Errorf("reflection inside: %d", response.StatusCode)
	}
}

// TestInternalIsUnknown: outside, an internal RPC is answered exactly as one that there is not, and nothing names it.
func TestInternalIsUnknown(t *testing.T) {
	t.Parallel()
	h := openHouseWith(t, twoInternal)
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodOptions, http.MethodPut} {
		for _, contentType := range []string{"application/json", "application/proto", "application/grpc", "application/grpc-web+proto", "text/plain", ""} {
			ask := func(path string) (int, http.Header, string) {
				request, err := http.NewRequestWithContext(withDeadline(t), method, h.url+path, strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", contentType)
				response, err := h.http1.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				body := strings.ReplaceAll(readAll(t, response), path[1:], "NAME")
				response.Header.Del("Date")
				response.Header.Del("Content-Length")
				message := strings.ReplaceAll(response.Header.Get("Grpc-Message"), path[1:], "NAME")
				response.Header.Del("Grpc-Message")
				told, _, _ := strings.Cut(message+body, "; ") // behind it is a hint, which goes by the name
				return response.StatusCode, response.Header, told
			}
			status, header, body := ask("/shop.v1.StorefrontService/CancelOrder")
			wantStatus, wantHeader, wantBody := ask("/shop.v1.StorefrontService/Qqqqqqqqqqqqqqqqq")
			if status != wantStatus || body != wantBody || len(header) != len(wantHeader) {
				t.Errorf("%s %s: %d %v %q, want %d %v %q", method, contentType, status, header, body, wantStatus, wantHeader, wantBody)
			}
		}
	}
	body := readAll(t, post(t, h, "/shop.v1.StorefrontService/CancelOrdr", "{}"))
	if strings.Contains(body, `"CancelOrder`) || strings.Contains(body, "/CancelOrder") {
		t.Errorf("a hint names it: %s", body)
	}
}

// TestInternalReflection: the contract that the public reads has no internal RPC.
func TestInternalReflection(t *testing.T) {
	t.Parallel()
	for _, settings := range []string{twoInternal, "internal: {listen: 127.0.0.1:0, rpcs: [shop.v1.StorefrontService/*]}\n"} {
		h := openHouseWith(t, settings)
		client := grpcreflect.NewClient(h.h2c, h.url, connect.WithGRPC())
		stream := client.NewStream(withDeadline(t))
		defer func() { _, _ = stream.Close() }()
		all := settings != twoInternal
		services, err := stream.ListServices()
		if err != nil || (len(services) == 0) != all {
			t.Errorf("services = %v, error %v", services, err)
		}
		files, err := stream.FileByFilename("shop/v1/storefront.proto")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for _, service := range file.GetService() {
				for _, method := range service.GetMethod() {
					if all || method.GetName() == "GetOrder" || method.GetName() == "CancelOrder" {
						t.Errorf("reflection tells of %s", method.GetName())
					}
				}
			}
		}
		_, err = stream.FileContainingSymbol(shopv1connect.StorefrontServiceName)
		if (err != nil) != all {
			t.Errorf("the service: %v", err)
		}
		if _, err := stream.FileContainingSymbol(shopv1connect.StorefrontServiceName + ".CancelOrder"); err == nil {
			t.Error("reflection finds CancelOrder")
		}
	}
}

// TestNoReflection: without it, there is none.
func TestNoReflection(t *testing.T) {
	t.Parallel()
	h := openHouseWith(t, "server: {reflection: false}\n")
	for _, version := range []string{"v1", "v1alpha"} {
		path := "/grpc.reflection." + version + ".ServerReflection/ServerReflectionInfo"
		if response := post(t, h, path, "{}"); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
}

// TestInternalReload: an RPC turns internal with a reload, at once; an address only with a restart.
func TestInternalReload(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	h := serve(t, g.dir)
	if _, err := greet(withDeadline(t), h.http1, h.url, "x"); err != nil {
		t.Fatal(err)
	}
	g.write(t, "sheaf.yaml", "internal: {listen: 127.0.0.1:0, rpcs: [greet.v1.GreetService/Greet]}\n"+g.read(t, "sheaf.yaml"))
	reloaded, err := h.server.Reload(withDeadline(t))
	if err != nil || strings.Join(reloaded.NeedRestart, " ") != "internal.listen" {
		t.Fatalf("reloaded %v, error %v", reloaded, err)
	}
	if _, err := greet(withDeadline(t), h.http1, h.url, "x"); connect.CodeOf(err) != connect.CodeUnimplemented {
		t.Errorf("outside: %v", err)
	}
	url := listenBesides(t, h.server.ServeInternal)
	t.Cleanup(h.http1.CloseIdleConnections)
	if _, err := greet(withDeadline(t), h.http1, url, "x"); err != nil {
		t.Errorf("inside: %v", err)
	}
}
