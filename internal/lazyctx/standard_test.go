package lazyctx_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

type key struct{}

// pair are two contexts that are to behave alike, and what ends each; nil for nothing.
type pair struct {
	got, want       context.Context
	endGot, endWant context.CancelFunc
}

func (p pair) late(at time.Time) pair {
	got := lazyctx.WithDeadline(p.got, at)
	want, end := context.WithDeadline(p.want, at)
	return pair{got, want, got.End, end}
}

func (p pair) cancellable() pair {
	got := lazyctx.WithCancel(p.got)
	want, end := context.WithCancel(p.want)
	return pair{got, want, got.End, end}
}

func (p pair) value() pair {
	return pair{lazyctx.WithValue(p.got, key{}, "inner"), context.WithValue(p.want, key{}, "inner"), nil, nil}
}

func (p pair) end() {
	if p.endGot != nil {
		p.endGot()
		p.endWant()
	}
}

func (p pair) compare(t *testing.T) {
	t.Helper()
	gotAt, gotOK := p.got.Deadline()
	wantAt, wantOK := p.want.Deadline()
	if !gotAt.Equal(wantAt) || gotOK != wantOK {
		t.Errorf("deadline %s %t, want %s %t", gotAt, gotOK, wantAt, wantOK)
	}
	if got, want := p.got.Err(), p.want.Err(); !errors.Is(got, want) || (got == nil) != (want == nil) {
		t.Errorf("error %v, want %v", got, want)
	}
	if got, want := context.Cause(p.got), context.Cause(p.want); !errors.Is(got, want) {
		t.Errorf("cause %v, want %v", got, want)
	}
	if got, want := p.got.Value(key{}), p.want.Value(key{}); got != want {
		t.Errorf("value %v, want %v", got, want)
	}
}

func (p pair) compareDone(t *testing.T) {
	t.Helper()
	if got, want := isDone(p.got), isDone(p.want); got != want {
		t.Errorf("done %t, want %t", got, want)
	}
}

func isDone(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// levels is how many contexts stack makes.
const levels = 5

// stack makes contexts within each other, as RPCs and their calls do, with two deadlines.
func stack(root context.Context, outer, inner time.Time) [levels]pair {
	first := pair{got: root, want: root}.late(outer)
	named := first.value()
	cancellable := named.cancellable()
	late := cancellable.late(inner)
	return [levels]pair{first, named, cancellable, late, late.cancellable()}
}

// ending is what happens to a stack: the root or one level ends, or time passes.
type ending struct {
	level  int
	passes time.Duration
}

const ofRoot = -1

func (e ending) happen(all [levels]pair, cancelRoot context.CancelCauseFunc) {
	switch {
	case e.passes > 0:
		time.Sleep(e.passes)
	case e.level == ofRoot:
		cancelRoot(errors.New("why"))
	default:
		all[e.level].end()
	}
	synctest.Wait()
}

// TestStandard compares each context of a stack with one of the standard library, whichever ones are waited for, and whatever ends which one.
// Then the root and all levels end, and each that had ended says why as before.
func TestStandard(t *testing.T) {
	t.Parallel()
	deadlines := []struct{ outer, inner time.Duration }{{time.Minute, time.Second}, {time.Second, time.Minute}, {time.Minute, -time.Second}}
	endings := []ending{{level: ofRoot}, {passes: 1}, {passes: time.Second - 1}, {passes: time.Second}, {passes: time.Minute}}
	for level := range levels {
		endings = append(endings, ending{level: level})
	}
	for _, after := range deadlines {
		for _, ending := range endings {
			for waits := range 1 << levels {
				synctest.Test(t, func(t *testing.T) {
					root, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					all := stack(root, time.Now().Add(after.outer), time.Now().Add(after.inner))
					testAlike(t, all, waits, func() { ending.happen(all, cancel) }, func() { cancel(nil) })
					if t.Failed() {
						t.Fatalf("deadlines %v, ending %+v, waits %b", after, ending, waits)
					}
				})
			}
		}
	}
}

// testAlike waits for the levels whose bits are set in waits, and compares all of them before and after something happens, and at the end.
func testAlike(t *testing.T, all [levels]pair, waits int, happen, cancelRoot func()) {
	t.Helper()
	compare := func() {
		for level, one := range all {
			one.compare(t)
			if waits>>level&1 == 1 { // to ask the others would be to wait for them
				one.compareDone(t)
			}
		}
	}
	compare()
	happen()
	compare()
	cancelRoot()
	for _, one := range all {
		one.end()
	}
	compare()
	for _, one := range all {
		one.compareDone(t)
	}
	compare()
}
