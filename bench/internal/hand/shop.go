// Package hand is for the handler that a good engineer would write: connect-go, errgroup, gobreaker, net/http and encoding/json. It is
// what Sheaf is measured against, so nothing in it is slow on purpose, and nothing is faster than one would write for work.
package hand

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/rpc/code"

	benchv1 "github.com/sheaf-rpc/sheaf/bench/gen/bench/v1"
	"github.com/sheaf-rpc/sheaf/bench/gen/bench/v1/benchv1connect"
	"github.com/sheaf-rpc/sheaf/bench/internal/serving"
	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
)

// Decode decodes JSON, as json.Unmarshal does.
type Decode func(data []byte, into any) error

// timeout is the longest that an RPC may take.
const timeout = 10 * time.Second

// NewHandler answers the contract's RPCs from the services at a base URL.
func NewHandler(baseURL string, decode Decode) http.Handler {
	return newHandler(baseURL, serving.NewClient(), decode)
}

func newHandler(baseURL string, client *http.Client, decode Decode, options ...connect.HandlerOption) http.Handler {
	at := func(name string) *service { return newService(name, baseURL, client, decode) }
	mux := http.NewServeMux()
	mux.Handle(benchv1connect.NewShopServiceHandler(&shop{
		catalog: at("catalog"), reviews: at("reviews"), stock: at("stock"), orders: at("orders"), customers: at("customers"),
	}, append(options, connect.WithReadMaxBytes(4<<20))...))
	return mux
}

type shop struct {
	catalog, reviews, stock, orders, customers *service
}

// GetProduct needs the product; the page is shown without reviews or stock, if they cannot be had.
func (s *shop) GetProduct(
	ctx context.Context, request *connect.Request[benchv1.GetProductRequest],
) (*connect.Response[benchv1.GetProductResponse], error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	id := url.PathEscape(request.Msg.GetProductId())
	var (
		product               productAnswer
		reviews               reviewsAnswer
		stock                 stockAnswer
		reviewsErr, stocksErr error
	)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.catalog.get(ctx, "/products/"+id, &product) })
	group.Go(func() error {
		reviewsErr = s.reviews.get(ctx, "/products/"+id+"/reviews?limit=5", &reviews)
		return nil
	})
	group.Go(func() error { stocksErr = s.stock.get(ctx, "/stock/"+id, &stock); return nil })
	if err := group.Wait(); err != nil {
		return nil, failed(ctx, err)
	}
	response := product.message()
	if reviewsErr == nil {
		response.Reviews = reviews.messages()
	} else {
		miss(response, "reviews", "reviews")
	}
	if stocksErr == nil {
		response.Availability, response.InStock = stock.availability(), stock.Level
	} else {
		miss(response, "stock", "availability", "in_stock")
	}
	return connect.NewResponse(response), nil
}

// miss says that a call gave no answer.
func miss(response *benchv1.GetProductResponse, call string, fields ...string) {
	if response.GetPartial() == nil {
		response.Partial = &sheafv1.Partial{}
	}
	response.Partial.MissingCalls = append(response.Partial.MissingCalls,
		&sheafv1.MissingCall{Call: call, Fields: fields, Code: code.Code_UNAVAILABLE, Retryable: true})
}

// failed logs what happened, and tells the client what it may know.
func failed(ctx context.Context, err error) error {
	slog.ErrorContext(ctx, "RPC failed", "error", err)
	return connect.NewError(connect.CodeUnavailable, errUnavailable)
}
