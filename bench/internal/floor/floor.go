// Package floor is for what HTTP alone costs: handlers that fetch the same answers at the same time, and give them back one after the
// other. They decode nothing, neither requests nor answers, and check nothing.
package floor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/sheaf-rpc/sheaf/bench/internal/serving"
)

// Fetch returns the body of a GET.
type Fetch func(ctx context.Context, url string) ([]byte, error)

// NewHandler answers a POST to each path with the answers of these upstream paths.
func NewHandler(baseURL string, paths map[string][]string, fetch Fetch) http.Handler {
	mux := http.NewServeMux()
	for path, upstream := range paths {
		urls := make([]string, len(upstream))
		for i := range upstream {
			urls[i] = baseURL + upstream[i]
		}
		mux.Handle("POST "+path, &concatenation{urls: urls, fetch: fetch})
	}
	return mux
}

type concatenation struct {
	urls  []string
	fetch Fetch
}

// ServeHTTP implements http.Handler.
func (c *concatenation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	bodies := make([][]byte, len(c.urls))
	group, ctx := errgroup.WithContext(r.Context())
	for i, url := range c.urls {
		group.Go(func() (err error) {
			bodies[i], err = c.fetch(ctx, url)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	size := 0
	for _, body := range bodies {
		size += len(body)
	}
	w.Header().Set("Content-Length", strconv.Itoa(size))
	for _, body := range bodies {
		if _, err := w.Write(body); err != nil {
			return
		}
	}
}

// NetHTTP fetches with net/http.
func NetHTTP() Fetch {
	client := serving.NewClient()
	return func(ctx context.Context, url string) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("get %s: status %s", url, response.Status)
		}
		var body bytes.Buffer
		if response.ContentLength > 0 {
			body.Grow(int(response.ContentLength) + bytes.MinRead)
		}
		_, err = body.ReadFrom(response.Body)
		return body.Bytes(), err
	}
}
