package plan

import "time"

// Breaker holds the settings of a circuit breaker.
type Breaker struct {
	FailureRatio    float64
	MinRequests     int
	Window, OpenFor time.Duration
	// PerRoute gives each method and path template a breaker of its own.
	PerRoute bool
}

// Retries say how failed requests are made again.
type Retries struct {
	// Max is the most tries after the first; 0 for none.
	Max int
	// Budget is the share that retries and hedges may add to recent requests.
	Budget              float64
	Backoff, MaxBackoff time.Duration
}

// Hedging says when a request is made a second time beside the first.
type Hedging struct {
	Percentile float64
	MinWait    time.Duration
}

// Concurrency bounds the requests under way.
type Concurrency struct {
	Max int
	// Queue is the most that wait; negative for none.
	Queue    int
	Adaptive bool
	// AnswerBytes bounds what large answers take in memory before what is needed of them is found; 0 for the default.
	AnswerBytes int64
}

// Cache says how answers of GET are kept.
type Cache struct {
	// Redis is set if replicas share it.
	Redis bool
	// MaxBytes bounds it in memory.
	MaxBytes int64
	// These hold for answers that do not say so themselves; 0 for not at all.
	DefaultAge, NegativeAge, StaleWhileRevalidate, StaleIfError time.Duration
	// IgnoreHeaders are headers that answers do not depend on.
	IgnoreHeaders []string
}
