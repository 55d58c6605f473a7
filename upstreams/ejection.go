package upstreams

import (
	"sync"
	"time"
)

// EjectionConfig says when an address that fails is left out for a while.
type EjectionConfig struct {
	// Failures in a row leave it out. Default: 5.
	Failures int
	// For is how long; each time in a row that much longer, up to ten times. Default: 30s.
	For time.Duration
	// MaxShare is the largest share of the addresses that is left out at once, in (0, 1]. Default: 0.5. One always stays.
	MaxShare float64
}

func (c *EjectionConfig) setDefaults() {
	setDefault(&c.Failures, 5)
	setDefault(&c.For, 30*time.Second)
	setDefault(&c.MaxShare, 0.5)
}

// ejector leaves out addresses that fail several times in a row, as Envoy's outlier detection does. It knows them by number.
type ejector struct {
	EjectionConfig
	// most is how many are out at once.
	most int
	// changed is told of each that leaves, and until when; and of each that is back, with no time. It runs under the lock.
	changed func(number int, until time.Time)

	mu      sync.Mutex
	records []ejection
}

// ejection is what is known of an address.
type ejection struct {
	// failures are those in a row, and times how often it was left out without an answer in between.
	failures, times int
	// until is when it is back; zero while it is not out.
	until time.Time
}

// maxTimes bounds how much longer an address is left out each time.
const maxTimes = 10

func newEjector(config EjectionConfig, addresses int, changed func(int, time.Time)) *ejector {
	const rounding = 1e-9 // 0.29 of a hundred is 29, and not a little less
	most := min(int(config.MaxShare*float64(addresses)+rounding), addresses-1)
	return &ejector{EjectionConfig: config, most: most, changed: changed, records: make([]ejection, addresses)}
}

// note takes down how a request to an address ended. While that is out, requests that began before say nothing new.
func (e *ejector) note(number int, failed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	record := &e.records[number]
	switch {
	case e.refresh(number):
	case !failed:
		record.failures, record.times = 0, 0
	default:
		record.failures++
		if record.failures >= e.Failures && e.out() < e.most {
			e.eject(number)
		}
	}
}

func (e *ejector) eject(number int) {
	record := &e.records[number]
	record.failures = 0
	record.times = min(record.times+1, maxTimes)
	record.until = time.Now().Add(time.Duration(record.times) * e.For)
	e.changed(number, record.until)
}

// isOut reports whether an address is left out.
func (e *ejector) isOut(number int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refresh(number)
}

// until is when an address is back; the zero time if it is not out.
func (e *ejector) until(number int) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refresh(number)
	return e.records[number].until
}

// refresh lets an address back in if it is time, and reports whether it is still out.
func (e *ejector) refresh(number int) bool {
	record := &e.records[number]
	if record.until.IsZero() {
		return false
	}
	if time.Now().Before(record.until) {
		return true
	}
	record.until = time.Time{}
	e.changed(number, record.until)
	return false
}

// out counts those that are left out.
func (e *ejector) out() int {
	count := 0
	for number := range e.records {
		if e.refresh(number) {
			count++
		}
	}
	return count
}
