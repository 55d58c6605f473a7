package projection

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestLoopEnds: a loop ends soon after the context has, however long the list is, and at once if it had ended before.
func TestLoopEnds(t *testing.T) {
	t.Parallel()
	shape := NewShape()
	slot, element := shape.Root().Loop(nil)
	element.Keep(nil)
	const elements = 1000
	document, err := shape.Scan([]byte("[" + strings.TrimSuffix(strings.Repeat("1,", elements), ",") + "]"))
	if err != nil {
		t.Fatal(err)
	}
	loop := &Loop{In: &Answer{Place: Place{Loop: -1, Slot: slot}}, Looped: true}
	for ended, want := range map[int][2]int{0: {0, 0}, 1: {1, 16}, 500: {500, 516}, elements + 1: {elements, elements}} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if ended == 0 {
			cancel()
		}
		gone := 0
		ok, instead, err := loop.Each(&Scope{Context: ctx, Answers: []*Document{document}}, func() error {
			if gone++; gone == ended {
				cancel()
			}
			return nil
		}, Fail)
		if wasEnded := errors.Is(err, context.Canceled); !ok || instead != "" || wasEnded != (ended <= elements) || gone < want[0] || gone > want[1] {
			t.Errorf("context ended at element %d: loop ended after %d with %v", ended, gone, err)
		}
	}
}
