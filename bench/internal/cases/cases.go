// Package cases is for what is measured: RPCs, the sizes of their answers, who asks for them, and how their services behave.
package cases

import (
	"cmp"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	benchv1 "github.com/sheaf-rpc/sheaf/bench/gen/bench/v1"
	"github.com/sheaf-rpc/sheaf/bench/internal/upstream"
)

// Protocol is what a client speaks.
type Protocol string

// The protocols.
const (
	ConnectProto Protocol = "Connect, proto"
	ConnectJSON  Protocol = "Connect, JSON"
	GRPC         Protocol = "gRPC"
)

// Case is one thing that is measured.
type Case struct {
	Name     string
	Protocol Protocol
	// RPC is the method that is called with Request; Response is an empty message of what it returns.
	RPC               string
	Request, Response proto.Message
	// Gets are what has to be got from the services.
	Gets []string
	// Upstream is the kind of services: what their base URL ends in.
	Upstream string
	// Connections are those of the clients in the closed loop.
	Connections int
	// Latency says whether latency at a fixed rate is measured, too.
	Latency bool
	// MoreRPCs adds the subjects that have many more RPCs.
	MoreRPCs bool
	// KrakenD is the path that a client of KrakenD's gets instead; empty where it cannot do the case. Beyond names response fields that
	// its engine cannot compute, or says in other words.
	KrakenD string
	Beyond  []string
}

// Names of cases that are more than one among others: the main one, and the one in which a call's fixed cost shows most.
const (
	Main  = "3 calls"
	Small = "answer of 0.3 KB"
)

// Key is the case's name for paths and files.
func (c *Case) Key() string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, c.Name)
}

// All are the cases, in the order of the report.
func All() []Case {
	product := product()
	all := []Case{
		product.with(Main, func(c *Case) { c.Latency = true }),
		product.with("JSON client", func(c *Case) { c.Protocol, c.Latency = ConnectJSON, true }),
		product.with("gRPC client", func(c *Case) { c.Protocol, c.KrakenD = GRPC, "" }),
		tiles(1), tiles(3), tiles(10), tiles(30),
		catalog("300B", Small), catalog("2KB", "answer of 2 KB"), catalog("30KB", "answer of 30 KB"),
		catalog("1MB", "answer of 1 MB"), catalog("8MB", "answer of 8 MB"),
		catalog("1MB", "").with("answer of 1 MB, 1 % kept", func(c *Case) {
			c.RPC, c.Response, c.KrakenD = "ListItemIds", &benchv1.ListItemIdsResponse{}, ""
		}),
		orders(),
		product.with("optional upstream fails", func(c *Case) { c.Upstream = upstream.Failing }),
		product.with("upstreams take 4 ms", func(c *Case) { c.Upstream, c.Connections, c.Latency = upstream.Slow, 64, true }),
		product.with("1,000 RPCs loaded", func(c *Case) { c.MoreRPCs, c.KrakenD = true, "" }),
	}
	const connections = 16
	for i := range all {
		all[i].Connections = cmp.Or(all[i].Connections, connections)
	}
	return all
}

func (c Case) with(name string, change func(*Case)) Case {
	c.Name = name
	change(&c)
	return c
}

// product is a page from three answers, of 0.4, 1.9 and 0.1 KB.
func product() Case {
	return Case{
		Protocol: ConnectProto,
		RPC:      "GetProduct", Request: &benchv1.GetProductRequest{ProductId: "p-100"}, Response: &benchv1.GetProductResponse{},
		Gets: []string{"/products/p-100", "/products/p-100/reviews?limit=5", "/stock/p-100"},

		KrakenD: "/products/p-100", Beyond: []string{"url", "onSale", "availability"},
	}
}

// tiles is a page from so many answers of 0.4 KB.
func tiles(count int) Case {
	c := Case{
		Name: fmt.Sprintf("%d small calls", count), Protocol: ConnectProto,
		RPC: fmt.Sprintf("GetTiles%d", count), Request: &benchv1.GetTilesRequest{PageId: "home"}, Response: &benchv1.GetTilesResponse{},
		KrakenD: fmt.Sprintf("/tiles%d/home", count),
	}
	if count == 1 {
		c.Name = "1 small call"
	}
	for n := 1; n <= count; n++ {
		c.Gets = append(c.Gets, fmt.Sprintf("/pages/home/tiles/%d", n))
	}
	return c
}

// catalog is one answer of a size, of which about 15 % is kept.
func catalog(size, name string) Case {
	c := Case{
		Name: name, Protocol: ConnectProto,
		RPC: "GetCatalog", Request: &benchv1.GetCatalogRequest{Size: size}, Response: &benchv1.GetCatalogResponse{},
		Gets: []string{"/catalogs/" + size}, KrakenD: "/catalogs/" + size,
	}
	switch size {
	case "1MB":
		c.Connections = 4
	case "8MB":
		c.Connections = 2
	}
	return c
}

// orders is a join of 100 rows with 60.
func orders() Case {
	return Case{
		Name: "join of 100 rows", Protocol: ConnectProto,
		RPC: "ListOrders", Request: &benchv1.ListOrdersRequest{ShopId: "s-1"}, Response: &benchv1.ListOrdersResponse{},
		Gets: []string{"/orders?shop=s-1", "/customers"},
	}
}
