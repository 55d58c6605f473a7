package heap_test

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/heap"
)

// TestReserve: the collector lets garbage pile up, unless the operator has said when to collect.
func TestReserve(t *testing.T) { //nolint:paralleltest // it is about the whole process
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // whatever the environment of the test says
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if heap.Reserve(func(asked string) (string, bool) { return "100", asked == name }) != nil {
			t.Errorf("heap is reserved although %s is set", name)
		}
	}
	reserved := heap.Reserve(func(string) (string, bool) { return "", false })
	runtime.GC()
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(goal)
	if got := goal[0].Value.Uint64(); got < 2*heap.Floor {
		t.Errorf("the collector runs when %d bytes are in use", got)
	}
	runtime.KeepAlive(reserved)
}
