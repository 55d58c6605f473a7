package upstreams

import (
	"testing"
	"testing/synctest"
	"time"
)

func newTestEjector(config EjectionConfig, addresses int) *ejector {
	config.setDefaults()
	return newEjector(config, addresses, func(int, time.Time) {})
}

func fail(e *ejector, number, times int) {
	for range times {
		e.note(number, true)
	}
}

// TestEjection: so many failures in a row, and an address is out; each time in a row for longer, up to ten times; an answer in
// between makes it short again.
func TestEjection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newTestEjector(EjectionConfig{Failures: 3, For: time.Second}, 2)
		fail(e, 0, 2)
		e.note(0, false)
		fail(e, 0, 2)
		if e.isOut(0) {
			t.Fatal("it is out, and its failures were not in a row")
		}
		e.note(0, true)
		for times := 1; times <= 12; times++ {
			length := min(float64(times), 10)
			if !e.isOut(0) || time.Until(e.until(0)).Seconds() != length {
				t.Fatalf("time %d: out for %s, want %gs", times, time.Until(e.until(0)), length)
			}
			fail(e, 0, 9) // of requests that began before
			e.note(0, false)
			time.Sleep(time.Until(e.until(0)))
			if e.isOut(0) {
				t.Fatalf("time %d: it is not back", times)
			}
			fail(e, 0, 3)
		}
		time.Sleep(10 * time.Second)
		e.note(0, false)
		fail(e, 0, 3)
		if time.Until(e.until(0)) != time.Second {
			t.Errorf("after an answer, out for %s", time.Until(e.until(0)))
		}
	})
}

// TestEjectionShare: no more than a share are out at once, and never all.
func TestEjectionShare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		addresses int
		share     float64
		want      int
	}{{1, 1, 0}, {2, 0.5, 1}, {2, 1, 1}, {3, 0.3, 0}, {3, 0.5, 1}, {4, 0.5, 2}, {5, 1, 4}, {100, 0.29, 29}} {
		synctest.Test(t, func(t *testing.T) {
			e := newTestEjector(EjectionConfig{MaxShare: test.share}, test.addresses)
			for number := range test.addresses {
				fail(e, number, 20)
			}
			if got := e.out(); got != test.want {
				t.Errorf("%d of %d are out with a share of %g, want %d", got, test.addresses, test.share, test.want)
			}
			time.Sleep(time.Minute)
			if test.want > 0 {
				e.note(test.addresses-1, true) // there was no room before
				if !e.isOut(test.addresses - 1) {
					t.Errorf("of %d, the last one stays in", test.addresses)
				}
			}
		})
	}
}

// TestHealth: as many answers in a row turn an address ill, or well again.
func TestHealth(t *testing.T) {
	t.Parallel()
	var h health
	for step, test := range []struct{ well, turned, ill bool }{
		{true, false, false}, {false, false, false}, {true, false, false}, {false, false, false}, {false, true, true}, {false, false, true},
		{true, false, true}, {false, false, true}, {true, false, true}, {true, true, false},
	} {
		if turned := h.note(test.well, 2); turned != test.turned || h.ill.Load() != test.ill {
			t.Errorf("step %d: turned %v, ill %v", step, turned, h.ill.Load())
		}
	}
}
