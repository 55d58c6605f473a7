package hand

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sony/gobreaker/v2"
)

// service is one REST service.
type service struct {
	name    string
	baseURL string
	client  *http.Client
	breaker *gobreaker.CircuitBreaker[[]byte]
	decode  Decode
}

// newService has a breaker that opens at half of ten requests in ten seconds, as Sheaf's do by default.
func newService(name, baseURL string, client *http.Client, decode Decode) *service {
	return &service{name: name, baseURL: baseURL, client: client, decode: decode, breaker: gobreaker.NewCircuitBreaker[[]byte](gobreaker.Settings{
		Name: name, Interval: 10 * time.Second, Timeout: 5 * time.Second,
		ReadyToTrip: func(counts gobreaker.Counts) bool {
			return counts.Requests >= 10 && 2*counts.TotalFailures >= counts.Requests
		},
	})}
}

// get decodes what the service answers to a GET of a path with its query.
func (s *service) get(ctx context.Context, path string, into any) error {
	const timeout = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := s.breaker.Execute(func() ([]byte, error) { return s.fetch(ctx, path) })
	if err != nil {
		return fmt.Errorf("call %s: %w", s.name, err)
	}
	if err := s.decode(body, into); err != nil {
		return fmt.Errorf("decode answer of %s: %w", s.name, err)
	}
	return nil
}

func (s *service) fetch(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.baseURL+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s", response.Status)
	}
	return readAll(response)
}

// readAll reads a body of at most maxAnswer bytes, into memory of the size that its head announces.
func readAll(response *http.Response) ([]byte, error) {
	const maxAnswer = 16 << 20
	var body bytes.Buffer
	if announced := response.ContentLength; announced > 0 && announced <= maxAnswer {
		body.Grow(int(announced) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(io.LimitReader(response.Body, maxAnswer+1)); err != nil {
		return nil, err
	}
	if body.Len() > maxAnswer {
		return nil, fmt.Errorf("answer is larger than %d bytes", maxAnswer)
	}
	return body.Bytes(), nil
}
