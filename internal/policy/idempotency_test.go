package policy_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// TestIdempotencyReplay: who comes again gets the first answer, with all that belongs to it.
func TestIdempotencyReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shop := newShopOnce(buy)
		shop.expect(t, asked{id: "1", key: idempotencyKey}, "ok")
		time.Sleep(23 * time.Hour)
		got, response, call, _ := shop.ask(asked{id: "1", key: `"` + idempotencyKey + `"`})
		if got != "replayed" || response.Any().(*shopv1.GetProductResponse).GetId() != "bought" {
			t.Fatalf("got %s, %v", got, response)
		}
		if response.Header().Get("X-From") != "upstream" || response.Trailer().Get("X-Last") != "one" {
			t.Errorf("header %v, trailer %v", response.Header(), response.Trailer())
		}
		if len(call.Decisions) != 1 || call.Decisions[0].Kind != "replay" {
			t.Errorf("decisions = %v", call.Decisions)
		}
		if bytes.Contains(shop.records.kept, []byte("bought")) {
			t.Errorf("kept in clear: %q", shop.records.kept)
		}
		shop.expect(t, asked{id: "2", key: idempotencyKey}, reused)
		for _, other := range []asked{{id: "2", key: "another-key-of-many-letters"}, {id: "2", key: idempotencyKey, caller: "a"}, {id: "2", key: idempotencyKey, rpc: "2"}} {
			shop.expect(t, other, "ok")
		}
		time.Sleep(time.Hour)
		shop.expect(t, asked{id: "1", key: idempotencyKey}, "ok")
	})
}

// TestIdempotencyRunning: while a request is under way, however long, others have to wait.
func TestIdempotencyRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shop := newShopOnce(func(ctx context.Context) (*shopv1.GetProductResponse, error) {
			time.Sleep(25 * time.Second)
			response, err := buy(ctx)
			time.Sleep(25 * time.Second)
			return response, err
		})
		done := make(chan string)
		go func() {
			got, _, _, _ := shop.ask(asked{id: "1", key: idempotencyKey})
			done <- got
		}()
		for range 4 {
			time.Sleep(11 * time.Second)
			shop.expect(t, asked{id: "1", key: idempotencyKey}, inUse)
			shop.expect(t, asked{id: "2", key: idempotencyKey}, reused)
		}
		if got := <-done; got != "ok" || shop.runs != 1 {
			t.Errorf("got %s after %d runs", got, shop.runs)
		}
		shop.expect(t, asked{id: "1", key: idempotencyKey}, "replayed")
	})
}

// TestIdempotencyFailures: a failure after which it is certain that nothing was changed frees the key; any other is final.
func TestIdempotencyFailures(t *testing.T) {
	t.Parallel()
	overloaded := connect.NewError(connect.CodeUnavailable, errors.New("busy"))
	for _, detail := range []proto.Message{&errdetails.ErrorInfo{Reason: "BUSY"}, &errdetails.RetryInfo{}, &errdetails.BadRequest{}} {
		added, err := connect.NewErrorDetail(detail)
		if err != nil {
			t.Fatal(err)
		}
		overloaded.AddDetail(added)
	}
	for name, test := range map[string]struct {
		begins    bool
		effective func() bool // nil for not said
		panics    bool
		first     string
		then      string
	}{
		"nothing sent":      {first: "unavailable BUSY later", then: "ok"},
		"refused":           {begins: true, effective: func() bool { return false }, first: "unavailable BUSY later", then: "ok"},
		"carried out":       {begins: true, effective: func() bool { return true }, first: unknown, then: unknown},
		"nobody says":       {begins: true, first: unknown, then: unknown},
		"panic":             {panics: true, then: "ok"},
		"panic while sent":  {panics: true, begins: true, then: unknown},
		"panic if not sent": {panics: true, begins: true, effective: func() bool { return false }, then: "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := newShopOnce(func(ctx context.Context) (*shopv1.GetProductResponse, error) {
				execution := policy.ExecutionFrom(ctx)
				if test.effective != nil {
					execution.Follow(test.effective)
				}
				if test.begins {
					_ = execution.Begin(ctx)
				}
				if test.panics {
					panic("a bug")
				}
				return nil, overloaded
			})
			func() {
				defer func() {
					if cause := recover(); (cause != nil) != test.panics {
						t.Errorf("recovered from %v", cause)
					}
				}()
				shop.expect(t, asked{id: "1", key: idempotencyKey}, test.first)
			}()
			shop.run = buy
			got, _, _, err := shop.ask(asked{id: "1", key: idempotencyKey})
			if got != test.then {
				t.Fatalf("got %s, want %s", got, test.then)
			}
			if got != unknown || test.panics {
				return
			}
			info := detailOf[*errdetails.ErrorInfo](err)
			if info.GetMetadata()["reason"] != "BUSY" || info.GetMetadata()["code"] != "unavailable" || detailOf[*errdetails.BadRequest](err) == nil {
				t.Errorf("error info = %v", info)
			}
			failed, _ := errors.AsType[*connect.Error](err)
			if failed.Meta().Get("Idempotency-Replayed") != "true" || !strings.Contains(failed.Message(), "busy") {
				t.Errorf("failure = %v, %v", failed, failed.Meta())
			}
		})
	}
}

// TestIdempotencyAway: without records nothing is sent, unless the project says so.
func TestIdempotencyAway(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fails string
		err   error
		allow bool
		first string
		runs  int
		then  string // when they are back
	}{
		"reserve":                {"reserve", store.ErrAway, false, away, 0, "ok"},
		"reserve, allowed":       {"reserve", store.ErrAway, true, "ok", 1, "ok"},
		"no room":                {"reserve", store.ErrFull, true, away, 0, "ok"},
		"mark":                   {"mark", store.ErrAway, false, away, 1, "ok"},
		"mark, allowed":          {"mark", store.ErrAway, true, "ok", 1, "replayed"},
		"another has taken over": {"mark", store.ErrLost, true, inUse, 1, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := newShopOnce(func(ctx context.Context) (*shopv1.GetProductResponse, error) {
				if execution := policy.ExecutionFrom(ctx); execution != nil {
					_ = execution.Begin(ctx) // of an optional call, without which there is a response
				}
				return &shopv1.GetProductResponse{}, nil
			})
			shop.config.Allow = test.allow
			shop.records.fail(test.fails, test.err)
			shop.expect(t, asked{id: "1", key: idempotencyKey}, test.first)
			if shop.runs != test.runs {
				t.Errorf("%d runs", shop.runs)
			}
			shop.records.fail(test.fails, nil)
			shop.expect(t, asked{id: "1", key: idempotencyKey}, test.then)
		})
	}
}

// TestIdempotencyNotKept: who waits gets an answer that cannot be kept. Others wait for the lease, and are told that the outcome is unknown.
func TestIdempotencyNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shop := newShopOnce(buy)
		shop.records.fail("finish", store.ErrAway)
		shop.expect(t, asked{id: "1", key: idempotencyKey}, "ok")
		if !strings.Contains(shop.logged.String(), "could not be kept") || strings.Contains(shop.logged.String(), idempotencyKey) {
			t.Errorf("logged %s", shop.logged)
		}
		shop.expect(t, asked{id: "1", key: idempotencyKey}, inUse)
		time.Sleep(10 * time.Second)
		shop.records.fail("finish", nil)
		shop.expect(t, asked{id: "1", key: idempotencyKey}, unknown)
		time.Sleep(23 * time.Hour)
		shop.expect(t, asked{id: "1", key: idempotencyKey}, unknown)
		if shop.runs != 1 {
			t.Errorf("%d runs", shop.runs)
		}
	})
}

// TestIdempotencyTooLarge: the place of an answer that is too large is taken by the news that it is.
func TestIdempotencyTooLarge(t *testing.T) {
	t.Parallel()
	shop := newShopOnce(func(ctx context.Context) (*shopv1.GetProductResponse, error) {
		response, err := buy(ctx)
		response.Title = strings.Repeat("x", store.MaxAnswer)
		return response, err
	})
	shop.expect(t, asked{id: "1", key: idempotencyKey}, "ok")
	got, _, _, err := shop.ask(asked{id: "1", key: idempotencyKey})
	if got != unknown || !strings.Contains(err.Error(), "was carried out") || !strings.Contains(shop.logged.String(), "too large") {
		t.Errorf("got %v, logged %s", err, shop.logged)
	}
}

// TestIdempotencySealed: an answer that was sealed with another key of ours is not known any more, and its request not new.
func TestIdempotencySealed(t *testing.T) {
	t.Parallel()
	shop := newShopOnce(buy)
	shop.config.Key = []byte("one")
	shop.expect(t, asked{id: "1", key: idempotencyKey}, "ok")
	shop.expect(t, asked{id: "1", key: idempotencyKey}, "replayed")
	shop.config.Key = []byte("two")
	shop.expect(t, asked{id: "1", key: idempotencyKey}, unknown)
	if shop.runs != 1 || !strings.Contains(shop.logged.String(), "cannot be read") {
		t.Errorf("%d runs, logged %s", shop.runs, shop.logged)
	}
}

// TestIdempotencyParallel: of many writes that begin at the same time, one makes the mark, and all wait for it.
func TestIdempotencyParallel(t *testing.T) {
	t.Parallel()
	shop := newShopOnce(func(ctx context.Context) (*shopv1.GetProductResponse, error) {
		var writes sync.WaitGroup
		for range 20 {
			writes.Go(func() { _, _ = buy(ctx) })
		}
		writes.Wait()
		return &shopv1.GetProductResponse{}, nil
	})
	shop.expect(t, asked{id: "1", key: idempotencyKey}, "ok")
	if shop.records.counts["mark"] != 1 {
		t.Errorf("%d marks", shop.records.counts["mark"])
	}
}

// TestIdempotencyHeldUp: once its lease is over, a run sends nothing more, and its key is not free again: others were told that the
// outcome is unknown.
func TestIdempotencyHeldUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var second error
		shop := newShopOnce(nil)
		shop.run = func(ctx context.Context) (*shopv1.GetProductResponse, error) {
			execution := policy.ExecutionFrom(ctx)
			execution.Follow(func() bool { return false })
			if err := execution.Begin(ctx); err != nil {
				return nil, err
			}
			shop.records.fail("extend", store.ErrAway) // as if the process stood still
			time.Sleep(11 * time.Second)
			second = execution.Begin(ctx)
			return nil, connect.NewError(connect.CodeUnavailable, second)
		}
		shop.expect(t, asked{id: "1", key: idempotencyKey}, unknown)
		if second == nil {
			t.Error("a second write was begun after the lease")
		}
		shop.run = buy
		shop.expect(t, asked{id: "1", key: idempotencyKey}, unknown)
	})
}

// TestIdempotencyGone: a client that leaves while its request is reserved is told so, and the key is free.
func TestIdempotencyGone(t *testing.T) {
	t.Parallel()
	shop := newShopOnce(buy)
	shop.records.fail("reserve", context.Canceled)
	call := &policy.Call{RPC: "shop.v1.S/Buy", Caller: identity.Anonymous()}
	ctx, leave := context.WithCancel(policy.With(t.Context(), call))
	leave()
	request := connect.NewRequest(&shopv1.GetProductRequest{})
	request.Header().Set("Idempotency-Key", idempotencyKey)
	_, err := policy.NewIdempotency(shop.config).Interceptor(codec).WrapUnary(nil)(ctx, request)
	if connect.CodeOf(err) != connect.CodeCanceled {
		t.Errorf("error = %v", err)
	}
}
