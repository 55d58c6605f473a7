package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// TestReserveHeap: the collector lets garbage pile up, unless the operator has said when to collect.
func TestReserveHeap(t *testing.T) { //nolint:paralleltest // it is about the whole process
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // whatever the environment of the test says
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if reserveHeap(func(asked string) (string, bool) { return "100", asked == name }) != nil {
			t.Errorf("heap is reserved although %s is set", name)
		}
	}
	reserved := reserveHeap(func(string) (string, bool) { return "", false })
	runtime.GC()
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(goal)
	if got := goal[0].Value.Uint64(); got < 2*heapFloor {
		t.Errorf("the collector runs when %d bytes are in use", got)
	}
	runtime.KeepAlive(reserved)
}
