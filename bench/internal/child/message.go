// Package child is for programs that run as processes of their own, so that what one of them takes is measured alone: a parent asks, over
// the child's standard input and output, and the child answers what the system and the runtime say of it.
package child

import "time"

// Usage is what a process took between two questions.
type Usage struct {
	// CPU is the time of its threads, in user space and in the kernel (getrusage).
	CPU time.Duration `json:"cpu"`
	// Allocations and Bytes are those of the Go heap.
	Allocations uint64 `json:"allocations"`
	Bytes       uint64 `json:"bytes"`
	// Collections are the cycles of the garbage collector that ended.
	Collections uint32 `json:"collections"`
	// PeakRSS is the largest resident set, in bytes; since the first question where the system can begin anew, otherwise since the start.
	PeakRSS uint64 `json:"peak_rss"`
}

// hello is what a child says first.
type hello struct {
	Address string `json:"address"`
	// Opened is how long it took from main until it could serve.
	Opened time.Duration `json:"opened"`
	Error  string        `json:"error"`
}

// What a parent asks.
const (
	begin  = "begin"
	end    = "end"
	reload = "reload"
)

type question struct {
	Do string `json:"do"`
	// Profile is the file for a CPU profile from begin to end; empty for none.
	Profile string `json:"profile"`
}

type answer struct {
	Usage Usage         `json:"usage"`
	Took  time.Duration `json:"took"`
	Error string        `json:"error"`
}
