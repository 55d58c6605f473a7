// Package pretend is for examples and tests: the six REST services behind the storefront, in memory. They answer as
// services that nobody designed together do: other names than the contract's, more data than is asked for, and errors of
// their own. They check what they are sent.
package pretend

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Token is what the stock service wants to see as a bearer token.
const Token = "pretend-stock-token"

// Names are the services' names, as sheaf.yaml has them.
func Names() []string {
	return []string{"catalog", "customers", "orders", "recommendations", "reviews", "stock"}
}

// Latencies are about what such services take in one data centre.
func Latencies() map[string]time.Duration {
	return map[string]time.Duration{
		"catalog": 18 * time.Millisecond, "reviews": 25 * time.Millisecond, "stock": 12 * time.Millisecond,
		"recommendations": 40 * time.Millisecond, "orders": 22 * time.Millisecond, "customers": 9 * time.Millisecond,
	}
}

// Shop is the state behind all services, and how they misbehave. It is safe for concurrent use.
type Shop struct {
	mu        sync.Mutex
	latencies map[string]time.Duration
	broken    map[string]int
	calls     map[string]int
	orders    map[int64]order
	nextOrder int64
}

// NewShop is a shop whose services answer at once.
func NewShop() *Shop {
	return &Shop{
		latencies: map[string]time.Duration{}, broken: map[string]int{}, calls: map[string]int{},
		orders: firstOrders(), nextOrder: 9007199254740995,
	}
}

// SetLatency makes a service take that long for each answer.
func (s *Shop) SetLatency(service string, latency time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latencies[service] = latency
}

// Break makes a service answer every request with this status; 0 mends it.
func (s *Shop) Break(service string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[service] = status
}

// Calls is how many requests each service has got.
func (s *Shop) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// Handler answers for one service. An unknown name is a mistake of the program's, and panics.
func (s *Shop) Handler(service string) http.Handler {
	routes := map[string]func(*http.ServeMux){
		"catalog": s.catalog, "reviews": s.reviews, "stock": s.stock, "recommendations": s.recommendations, "orders": s.orderRoutes, "customers": s.customers,
	}
	add, ok := routes[service]
	if !ok {
		panic(fmt.Sprintf("pretend: unknown service %q; known are %v", service, Names()))
	}
	mux := http.NewServeMux()
	add(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "no such resource: "+r.URL.Path)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		latency, status := s.behaviour(service)
		if !wait(r, latency) {
			return
		}
		if status != 0 {
			fail(w, status, service+" is out of order")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Shop) behaviour(service string) (time.Duration, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[service]++
	return s.latencies[service], s.broken[service]
}

// wait reports whether the client is still there after that time.
func wait(r *http.Request, latency time.Duration) bool {
	if latency <= 0 {
		return true
	}
	timer := time.NewTimer(latency)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone
}

func fail(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"error": map[string]any{"status": status, "message": message}})
}

// knownProduct is the product with an id, or nil.
func knownProduct(id string) *product {
	at := slices.IndexFunc(products, func(p product) bool { return p.ID == id })
	if at < 0 {
		return nil
	}
	return &products[at]
}
