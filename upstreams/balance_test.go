package upstreams

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// newTestBalancer has addresses by these names. Nothing connects to them.
func newTestBalancer(t *testing.T, balance BalanceConfig, names ...string) *balancer {
	t.Helper()
	for _, name := range names {
		balance.Addresses = append(balance.Addresses, name+":80")
	}
	config := Config{Name: "things", Balance: &balance}.withDefaults()
	b, err := newBalancer(&config)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.watch(&config, &base{observer: silent(t)}, nil); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRoundRobin: each has its turn, but for those that are out or ill; if that is all of them, each has its turn again.
func TestRoundRobin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestBalancer(t, BalanceConfig{}, "a", "b", "c", "d")
		count := func() map[string]int {
			counts := map[string]int{}
			for range 12 {
				counts[b.pick(nil).name]++
			}
			return counts
		}
		if got := count(); len(got) != 4 || got["a:80"] != 3 {
			t.Errorf("turns = %v", got)
		}
		fail(b.ejector, 0, 5)
		b.addresses[1].health.ill.Store(true)
		if got := count(); len(got) != 2 || got["c:80"] != 6 || got["d:80"] != 6 {
			t.Errorf("turns without a and b = %v", got)
		}
		for _, one := range b.addresses {
			one.health.ill.Store(true)
		}
		if got := count(); len(got) != 4 {
			t.Errorf("turns where none is well = %v", got)
		}
	})
}

// TestTried: a request that is made again goes elsewhere, as long as there is an elsewhere that is well.
func TestTried(t *testing.T) {
	t.Parallel()
	for _, leastLoaded := range []bool{false, true} {
		b := newTestBalancer(t, BalanceConfig{LeastLoaded: leastLoaded}, "a", "b", "c")
		b.addresses[2].health.ill.Store(true)
		for range 10 {
			memory := &tried{}
			first, second, third := b.pick(memory), b.pick(memory), b.pick(memory)
			if first == second || first == b.addresses[2] || second == b.addresses[2] || third == b.addresses[2] {
				t.Fatalf("picked %s, %s, %s", first.name, second.name, third.name)
			}
		}
	}
}

// TestLeastLoaded: of two, the one with fewer requests under way.
func TestLeastLoaded(t *testing.T) {
	t.Parallel()
	b := newTestBalancer(t, BalanceConfig{LeastLoaded: true}, "a", "b")
	var under []string
	hold := make(chan struct{})
	started, ended := make(chan string), make(chan struct{})
	do := b.balance(func(_ context.Context, exchange exchange) (*Answer, error) {
		started <- exchange.to.name
		<-hold
		return &Answer{}, nil
	})
	for range 6 {
		go func() { _, _ = do(t.Context(), reading()); ended <- struct{}{} }()
		under = append(under, <-started)
	}
	if a, b := b.addresses[0].underWay.Load(), b.addresses[1].underWay.Load(); a != 3 || b != 3 {
		t.Errorf("%d and %d under way: %v", a, b, under)
	}
	close(hold)
	for range 6 {
		<-ended
	}
	if left := b.addresses[0].underWay.Load() + b.addresses[1].underWay.Load(); left != 0 {
		t.Errorf("%d under way after all have ended", left)
	}
}

// TestBalanceJudges: what speaks against an upstream speaks against the address, and nothing else does.
func TestBalanceJudges(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		failure Error
		out     bool
	}{
		"unavailable":    {Error{Kind: KindUnavailable}, true},
		"failed":         {Error{Kind: KindFailed, Status: 500}, true},
		"not found":      {Error{Kind: KindNotFound, Status: 404}, false},
		"caller gave up": {Error{Kind: KindUnavailable, given: true}, false},
		"address":        {Error{Kind: KindAddress, Unsent: true}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newTestBalancer(t, BalanceConfig{Ejection: EjectionConfig{Failures: 1}}, "a", "b")
			do := b.balance(func(context.Context, exchange) (*Answer, error) {
				failure := test.failure
				failure.Err = errTest
				return nil, &failure
			})
			_, err := do(t.Context(), reading())
			if b.ejector.isOut(0) != test.out || !errors.Is(err, errTest) || err.Error() != "call : at a:80: test" {
				t.Errorf("%s: out %v, error %v", name, b.ejector.isOut(0), err)
			}
			states := (&Client{balancer: b}).Addresses()
			if test.out && (states[0].State != "ejected" || time.Until(states[0].Until) != 30*time.Second) || states[1].State != "well" {
				t.Errorf("%s: states = %v", name, states)
			}
		})
	}
}

// TestRepeatsGoElsewhere: retries and hedges share what has been tried, through the whole of what a call goes through.
func TestRepeatsGoElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestBalancer(t, BalanceConfig{}, "a", "b", "c")
		var went []string
		do := newTestRetrier(t, RetryConfig{Max: 2}).retry(b.balance(func(_ context.Context, exchange exchange) (*Answer, error) {
			went = append(went, exchange.to.name)
			b.turn.Add(2) // the turn would bring the same one again
			return nil, unavailable()
		}))
		exchange := reading()
		exchange.tried = &tried{}
		_, _ = do(t.Context(), exchange)
		if len(went) != 3 || went[0] == went[1] || went[1] == went[2] || went[0] == went[2] {
			t.Errorf("went to %v", went)
		}
	})
}

// TestHedgesGoElsewhere: a request beside another does not wait at the same address.
func TestHedgesGoElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestBalancer(t, BalanceConfig{}, "a", "b")
		went := make(chan string, 2)
		do := newTestHedger(t, 1).hedge(b.balance(func(ctx context.Context, exchange exchange) (*Answer, error) {
			went <- exchange.to.name
			b.turn.Add(1)
			return &Answer{Status: 200}, sleep(ctx, time.Second)
		}))
		exchange := reading()
		exchange.tried = &tried{}
		if _, err := do(t.Context(), exchange); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(went) != 2 {
			t.Fatalf("%d requests, want two", len(went))
		}
		if first, second := <-went, <-went; first == second {
			t.Errorf("both requests went to %s", first)
		}
	})
}
