// Package upstream is for the pretend REST services behind all subjects: one cheap server that answers from memory.
package upstream

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sheaf-rpc/sheaf/bench/internal/token"
)

// A base URL that ends in one of these has services of another kind.
const (
	// Slow services answer after SlowBy.
	Slow = "/slow"
	// Failing services have no reviews: a call for them is answered with 500.
	Failing = "/failing"
)

// SlowBy is how long a slow service takes.
const SlowBy = 4 * time.Millisecond

// Sizes are the names of the catalog's answers, and about how many bytes each has.
var Sizes = map[string]int{"300B": 300, "2KB": 2_000, "30KB": 30_000, "1MB": 1_000_000, "8MB": 8_000_000}

const tileCount = 30

// Answers are the JSON bodies by path.
func Answers() map[string][]byte {
	answers := map[string][]byte{
		"/products/p-100":         []byte(product),
		"/products/p-100/reviews": []byte(reviews()),
		"/stock/p-100":            []byte(stock),
		"/orders":                 []byte(orders()),
		"/customers":              []byte(customers()),
	}
	for n := 1; n <= tileCount; n++ {
		answers[fmt.Sprintf("/pages/home/tiles/%d", n)] = []byte(tile(n))
	}
	for name, size := range Sizes {
		answers["/catalogs/"+name] = []byte(catalog(size))
	}
	return answers
}

// Serve answers on a listener until ctx ends. Besides the services it is the issuer of tokens, with its keys at /jwks, and the collector
// that spans are exported to, which throws them away.
func Serve(ctx context.Context, listener net.Listener) error {
	answers := Answers()
	answers["/jwks"] = token.Keys()
	server := &fasthttp.Server{
		Handler:               func(call *fasthttp.RequestCtx) { handle(call, answers) },
		MaxRequestBodySize:    16 << 20,
		NoDefaultServerHeader: true,
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() }) // Shutdown would wait for idle connections
	defer stop()
	if err := server.Serve(listener); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve upstream: %w", err)
	}
	return nil
}

func handle(call *fasthttp.RequestCtx, answers map[string][]byte) {
	path := string(call.Path())
	if rest, ok := strings.CutPrefix(path, Slow); ok {
		time.Sleep(SlowBy)
		path = rest
	}
	rest, failing := strings.CutPrefix(path, Failing)
	body, found := answers[rest]
	switch {
	case strings.HasPrefix(path, "/v1/"): // what is exported
	case failing && strings.HasSuffix(rest, "/reviews"):
		call.SetStatusCode(fasthttp.StatusInternalServerError)
	case !found:
		call.SetStatusCode(fasthttp.StatusNotFound)
	default:
		call.SetContentType("application/json")
		call.Response.SetBodyRaw(body)
	}
}
