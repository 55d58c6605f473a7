package policy_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// TestPlace: keys spread evenly, each always to the same place, and each route spreads them in another way.
func TestPlace(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]float64{"": 0.59158075, "user-1": 0.56672850, "ä": 0.58956980} { // never to change
		if got := policy.Place("canary", key); got < want-1e-8 || got > want+1e-8 {
			t.Errorf("place of %q = %.8f, want %.8f", key, got, want)
		}
	}
	const keys = 10_000
	counts := map[float64]int{}
	both := 0
	for i := range keys {
		key := fmt.Sprint("user-", i)
		place := policy.Place("canary", key)
		if place < 0 || place >= 1 {
			t.Errorf("place of %s = %v", key, place)
		}
		for _, share := range []float64{0.001, 0.01, 0.1, 0.5, 0.99} {
			if place < share {
				counts[share]++
			}
		}
		if place < 0.5 && policy.Place("other", key) < 0.5 {
			both++
		}
	}
	if want := (map[float64]int{0.001: 18, 0.01: 108, 0.1: 1009, 0.5: 4998, 0.99: 9904}); !maps.Equal(counts, want) {
		t.Errorf("of %d keys, %v are among each share, want %v", keys, counts, want)
	}
	if both < 2400 || both > 2600 {
		t.Errorf("%d keys are among both halves", both)
	}
}

// TestRouteTakes: conditions, shares and keys decide as they say; what cannot be evaluated is taken by none.
func TestRouteTakes(t *testing.T) {
	t.Parallel()
	base, err := expr.NewEnv(nil)
	if err != nil {
		t.Fatal(err)
	}
	env, err := base.With(expr.Variable{Name: "headers", Type: cel.MapType(cel.StringType, cel.StringType)})
	if err != nil {
		t.Fatal(err)
	}
	program := func(text string) *expr.Program {
		if text == "" {
			return nil
		}
		compiled, mistakes := env.Compile(text)
		if compiled == nil {
			t.Fatalf("%s: %v", text, mistakes)
		}
		return compiled
	}
	facts := &policy.Facts{Header: http.Header{"X-User": {"user-1"}, "X-Number": {"7"}}}
	for _, test := range []struct {
		when, sticky string
		share        float64
		want         bool
	}{
		{"", "", 1, true}, {"", "", 0, false}, {"true", "", 1, true}, {"false", "", 1, false}, {`headers["x-user"] == "user-1"`, "", 1, true},
		{`headers["none"] == "x"`, "", 1, false}, {`int(headers["x-user"]) == 1`, "", 1, false},
		{"", `headers["x-user"]`, 0.57, true}, {"", `headers["x-user"]`, 0.56, false}, {"false", `headers["x-user"]`, 0.57, false},
		{"", `headers["none"]`, 0.999999, false}, {"", `headers["none"]`, 1, true}, {"", `""`, 0.999999, false}, {"", `int(headers["x-user"])`, 0.999999, false},
		{"", `int(headers["x-number"])`, 0.999999, true}, {"", `7u`, 0.999999, true}, {"", "true", 0.999999, true}, {"", "[1]", 0.999999, false},
	} {
		route := &policy.Route{Name: "canary", When: program(test.when), Sticky: program(test.sticky), Share: test.share}
		for range 2 {
			if got := route.Takes(t.Context(), facts); got != test.want {
				t.Errorf("%+v: %v", test, got)
			}
		}
	}
}

// TestRouteByChance: without a key, a share is by chance.
func TestRouteByChance(t *testing.T) {
	t.Parallel()
	route, taken := &policy.Route{Share: 0.5}, 0
	for range 10_000 {
		if route.Takes(t.Context(), &policy.Facts{}) {
			taken++
		}
	}
	if taken < 4500 || taken > 5500 { // ten standard deviations
		t.Errorf("%d of 10000", taken)
	}
}

func BenchmarkRouteTakes(b *testing.B) {
	base, err := expr.NewEnv(nil)
	if err != nil {
		b.Fatal(err)
	}
	env, err := base.With(expr.Variable{Name: "rpc", Type: cel.StringType})
	if err != nil {
		b.Fatal(err)
	}
	when, _ := env.Compile(`rpc == "shop.v1.Shop/Get"`)
	sticky, _ := env.Compile("rpc")
	route, facts := &policy.Route{Name: "canary", When: when, Sticky: sticky, Share: 0.5}, (&policy.Call{RPC: "shop.v1.Shop/Get"}).Facts(nil, time.Time{})
	b.ReportAllocs()
	for b.Loop() {
		route.Takes(b.Context(), facts)
	}
}
