package floor

import (
	"context"
	"fmt"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/sheaf-rpc/sheaf/bench/internal/serving"
)

// FastHTTP fetches with fasthttp, whose requests know no context.
func FastHTTP() Fetch {
	client := &fasthttp.Client{MaxConnsPerHost: serving.Connections, NoDefaultUserAgentHeader: true}
	return func(_ context.Context, url string) ([]byte, error) {
		request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		defer fasthttp.ReleaseRequest(request)
		defer fasthttp.ReleaseResponse(response)
		request.SetRequestURI(url)
		if err := client.Do(request, response); err != nil {
			return nil, fmt.Errorf("get %s: %w", url, err)
		}
		if response.StatusCode() != fasthttp.StatusOK {
			return nil, fmt.Errorf("get %s: status %d", url, response.StatusCode())
		}
		return slices.Clone(response.Body()), nil
	}
}
