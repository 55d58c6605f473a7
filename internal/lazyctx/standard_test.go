package lazyctx_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

// pair are two contexts that are to behave alike, and what ends each.
type pair struct {
	got, want       context.Context
	endGot, endWant context.CancelFunc
}

func (p pair) late(at time.Time) pair {
	got := lazyctx.WithDeadline(p.got, at)
	want, end := context.WithDeadline(p.want, at)
	return pair{got, want, got.End, end}
}

func (p pair) scope() pair {
	got := lazyctx.NewScope(p.got)
	want, end := context.WithCancel(p.want)
	return pair{got, want, got.End, end}
}

func (p pair) value() pair {
	return pair{lazyctx.WithValue(p.got, key{}, "inner"), context.WithValue(p.want, key{}, "inner"), p.endGot, p.endWant}
}

// TestStandard stacks the contexts as RPCs and their calls do, and compares each with one of the standard library, whichever one is waited
// for, and whatever ends which one.
func TestStandard(t *testing.T) {
	t.Parallel()
	const levels = 5
	for waits := range 1 << levels {
		for ends := range levels + 3 {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				root := pair{got: ctx, want: ctx}
				outer := root.late(start.Add(time.Minute))
				named := outer.value()
				scope := named.scope()
				inner := scope.late(start.Add(time.Second))
				last := inner.scope()
				all := [levels]pair{outer, named, scope, inner, last}
				for i, one := range all {
					if one.endGot != nil {
						defer one.endGot()
						defer one.endWant()
					}
					if waits>>i&1 == 1 {
						one.got.Done()
					}
				}
				switch ends {
				case levels:
					cancel(errors.New("why"))
				case levels + 1:
					time.Sleep(time.Second)
				case levels + 2:
					time.Sleep(time.Minute)
				default:
					all[ends].endGot()
					all[ends].endWant()
				}
				synctest.Wait()
				for i, one := range all {
					compare(t, one.got, one.want, time.Since(start))
					if ended(one.got) != ended(one.want) {
						t.Errorf("waits %b, ends %d: level %d is done: %t, want %t", waits, ends, i, ended(one.got), ended(one.want))
					}
				}
				if t.Failed() {
					t.Fatalf("waits %b, ends %d", waits, ends)
				}
			})
		}
	}
}

func ended(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}
