package policy_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cel.dev/cel-go/cel"
	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// expression compiles one as a policy has it.
func expression(tb testing.TB, text string) *expr.Program {
	tb.Helper()
	env, err := expr.NewEnv(protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	env, err = env.With(expr.Variable{Name: "caller", Type: cel.DynType}, expr.Variable{Name: "rpc", Type: cel.StringType},
		expr.Variable{Name: "request", Type: cel.ObjectType("shop.v1.GetProductRequest")})
	if err != nil {
		tb.Fatal(err)
	}
	program, mistakes := env.Compile(text)
	if len(mistakes) > 0 {
		tb.Fatal(mistakes)
	}
	return program
}

// told is what a limiter tells of.
type told struct{ refused, away []string }

func newLimiter(told *told) *policy.Limiter {
	return &policy.Limiter{
		Memory: store.NewMemoryCounters(1000), InFlight: policy.NewInFlight(),
		Refused: func(_ context.Context, limit, reason string) { told.refused = append(told.refused, limit+" "+reason) },
		Away: func(_ context.Context, limit string, did policy.WhenAway) {
			told.away = append(told.away, limit+" "+string(did))
		},
	}
}

// asks calls an RPC behind limits, without a network.
func asks(t *testing.T, limits connect.Interceptor, caller *identity.Caller, message *shopv1.GetProductRequest) (*policy.Call, error) {
	t.Helper()
	call := &policy.Call{RPC: procedure[1:], Arrived: time.Now(), Caller: caller}
	_, err := limits.WrapUnary(func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) {
		return connect.NewResponse(&shopv1.GetProductResponse{}), nil
	})(policy.With(t.Context(), call), connect.NewRequest(message))
	return call, err
}

func callerOf(id string) *identity.Caller { return identity.New("keys", id, "", nil, nil) }

// details are those of an error, by their types.
func details(t *testing.T, err error) map[string]proto.Message {
	t.Helper()
	found := map[string]proto.Message{}
	failure, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return found
	}
	for _, detail := range failure.Details() {
		value, err := detail.Value()
		if err != nil {
			t.Fatal(err)
		}
		found[detail.Type()[strings.LastIndex(detail.Type(), ".")+1:]] = value
	}
	return found
}

func reasonOf(t *testing.T, err error) string {
	t.Helper()
	info, _ := details(t, err)["ErrorInfo"].(*errdetails.ErrorInfo)
	return info.GetReason()
}

// TestLimit: each caller has a budget of its own, those without an id share one, and the time to wait is exact.
func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told told
		limits := newLimiter(&told).Limit([]policy.Limit{{
			Name: "each", Key: expression(t, "caller.id"), Rate: policy.Rate{Count: 10, Per: time.Second, Burst: 2},
		}}, nil)
		anonymous := []*identity.Caller{identity.Anonymous(), identity.New("other", "", "", nil, nil)}
		for _, callers := range [][]*identity.Caller{{callerOf("a"), callerOf("a")}, {callerOf("b"), callerOf("b")}, anonymous} {
			for _, caller := range callers {
				if _, err := asks(t, limits, caller, &shopv1.GetProductRequest{}); err != nil {
					t.Fatal(err)
				}
			}
			call, err := asks(t, limits, callers[0], &shopv1.GetProductRequest{})
			if connect.CodeOf(err) != connect.CodeResourceExhausted || reasonOf(t, err) != "RATE_LIMITED" {
				t.Fatalf("error = %v", err)
			}
			if retry := details(t, err)["RetryInfo"].(*errdetails.RetryInfo); retry.GetRetryDelay().AsDuration() != 100*time.Millisecond {
				t.Errorf("retry = %v", retry)
			}
			violation := details(t, err)["QuotaFailure"].(*errdetails.QuotaFailure).GetViolations()[0]
			if violation.GetSubject() != "limit:each" || violation.GetQuotaValue() != 10 {
				t.Errorf("violation = %v", violation)
			}
			if len(call.Decisions) != 1 || call.Decisions[0] != (policy.Decision{Kind: "limit", By: "each", Reason: "RATE_LIMITED"}) {
				t.Errorf("decisions = %v", call.Decisions)
			}
			time.Sleep(100 * time.Millisecond)
			if _, err := asks(t, limits, callers[1], &shopv1.GetProductRequest{}); err != nil {
				t.Errorf("after the time to wait: %v", err)
			}
			time.Sleep(time.Second)
		}
		if len(told.refused) != 3 || len(told.away) != 0 {
			t.Errorf("told %v", told)
		}
	})
}

// TestLimitCost: 0 counts nothing; what is never admitted, and what is no cost, is the request's fault; nothing of it counts.
func TestLimitCost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told told
		limits := newLimiter(&told).Limit([]policy.Limit{
			{Name: "other", Rate: policy.Rate{Count: 1, Per: time.Hour, Burst: 5}},
			{Name: "dear", Cost: expression(t, "request.max_reviews * 1000000000000000000 / 1000000000000000000"), Quota: policy.Quota{Count: 10, Each: store.Day}},
		}, nil)
		for _, test := range []struct {
			cost   int32
			reason string
			code   connect.Code
		}{
			{0, "", 0}, {4, "", 0}, {-1, "COST_INVALID", connect.CodeInvalidArgument}, {11, "COST_INVALID", connect.CodeInvalidArgument}, // it overflows
			{7, "QUOTA_EXCEEDED", connect.CodeResourceExhausted}, {6, "", 0}, {1, "QUOTA_EXCEEDED", connect.CodeResourceExhausted}, {0, "", 0}, {0, "", 0},
			{0, "RATE_LIMITED", connect.CodeResourceExhausted},
		} {
			_, err := asks(t, limits, identity.Anonymous(), &shopv1.GetProductRequest{MaxReviews: &test.cost})
			if reasonOf(t, err) != test.reason || err != nil && connect.CodeOf(err) != test.code {
				t.Errorf("%d: error = %v, want %s", test.cost, err, test.reason)
			}
		}
		dear := newLimiter(&told).Limit([]policy.Limit{{Name: "dear", Cost: expression(t, "request.max_reviews"), Quota: policy.Quota{Count: 10, Each: store.Day}}}, nil)
		_, err := asks(t, dear, identity.Anonymous(), &shopv1.GetProductRequest{MaxReviews: new(int32(11))})
		if connect.CodeOf(err) != connect.CodeInvalidArgument || reasonOf(t, err) != "COST_TOO_HIGH" || details(t, err)["RetryInfo"] != nil {
			t.Errorf("error = %v with %v", err, details(t, err))
		}
	})
}

// TestConcurrency: so many calls of a key are in flight at once, and each way out makes room.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told told
		limits := newLimiter(&told).Limit([]policy.Limit{{Name: "each", Key: expression(t, "caller.id"), Concurrency: 2}}, nil)
		ends := map[string]func() (connect.AnyResponse, error){
			"an answer": func() (connect.AnyResponse, error) { return connect.NewResponse(&shopv1.GetProductResponse{}), nil },
			"an error":  func() (connect.AnyResponse, error) { return nil, errors.New("failed") },
			"a panic":   func() (connect.AnyResponse, error) { panic("no") },
		}
		for _, name := range slices.Sorted(maps.Keys(ends)) {
			serve := limits.WrapUnary(func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) {
				time.Sleep(time.Second)
				return ends[name]()
			})
			in := func(id string) context.Context {
				return policy.With(t.Context(), &policy.Call{Caller: callerOf(id), Arrived: time.Now()})
			}
			for range 2 {
				go func() {
					defer func() { _ = recover() }()
					_, _ = serve(in("a"), connect.NewRequest(&shopv1.GetProductRequest{}))
				}()
			}
			synctest.Wait()
			_, err := serve(in("a"), connect.NewRequest(&shopv1.GetProductRequest{}))
			if connect.CodeOf(err) != connect.CodeResourceExhausted || reasonOf(t, err) != "CONCURRENCY_LIMITED" {
				t.Errorf("%s: error = %v", name, err)
			}
			if _, err := asks(t, limits, callerOf("b"), &shopv1.GetProductRequest{}); err != nil {
				t.Errorf("%s: another key: %v", name, err)
			}
			time.Sleep(2 * time.Second)
			if _, err := asks(t, limits, callerOf("a"), &shopv1.GetProductRequest{}); err != nil {
				t.Errorf("%s makes no room: %v", name, err)
			}
		}
	})
}

// counters are shared ones that may be away.
type counters struct {
	store.Counters

	err   error
	asked int
}

func (c *counters) Take(ctx context.Context, takes []store.Take) (bool, error) {
	if c.asked++; c.err != nil {
		return false, c.err
	}
	return c.Counters.Take(ctx, takes)
}

// TestWhenAway: without the shared counters, each limit does what it says, and goes on when they are back.
func TestWhenAway(t *testing.T) {
	t.Parallel()
	for whenAway, want := range map[policy.WhenAway]string{
		policy.CountHere: "3 admitted, then RATE_LIMITED", policy.AllowAll: "10 admitted, then ", policy.DenyAll: "0 admitted, then LIMITS_UNAVAILABLE",
	} {
		t.Run(string(whenAway), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var told told
				shared := &counters{Counters: store.NewMemoryCounters(100)}
				limits := newLimiter(&told).Limit([]policy.Limit{
					{Name: "here", Quota: policy.Quota{Count: 100, Each: store.Day}},
					{Name: "all", Rate: policy.Rate{Count: 1, Per: time.Hour, Burst: 3}, Shared: true, WhenAway: whenAway},
				}, shared)
				ask := func() string {
					admitted := 0
					for range 10 {
						_, err := asks(t, limits, identity.Anonymous(), &shopv1.GetProductRequest{})
						if err != nil {
							return fmt.Sprintf("%d admitted, then %s", admitted, reasonOf(t, err))
						}
						admitted++
					}
					return fmt.Sprintf("%d admitted, then ", admitted)
				}
				if got := ask(); got != "3 admitted, then RATE_LIMITED" {
					t.Errorf("shared: %s", got)
				}
				shared.err = store.ErrAway
				if got := ask(); got != want || !slices.Contains(told.away, "all "+string(whenAway)) {
					t.Errorf("away: %s, want %s; told %v", got, want, told.away)
				}
				shared.err = nil
				time.Sleep(3 * time.Hour)
				if got := ask(); got != "3 admitted, then RATE_LIMITED" {
					t.Errorf("back: %s", got)
				}
			})
		})
	}
}

// TestSharedRefuses: what a shared limit refuses, one in memory does not count; and what costs nothing asks nobody.
func TestSharedRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told told
		limiter, shared := newLimiter(&told), &counters{Counters: store.NewMemoryCounters(100)}
		all := []policy.Limit{
			{Name: "here", Quota: policy.Quota{Count: 3, Each: store.Day}},
			{Name: "all", Cost: expression(t, "request.max_reviews"), Rate: policy.Rate{Count: 1, Per: time.Hour, Burst: 2}, Shared: true},
		}
		limits := limiter.Limit(all, shared)
		for i, want := range []string{"", "", "RATE_LIMITED", "RATE_LIMITED"} {
			if _, err := asks(t, limits, identity.Anonymous(), &shopv1.GetProductRequest{MaxReviews: new(int32(1))}); reasonOf(t, err) != want {
				t.Errorf("%d: error = %v, want %s", i, err, want)
			}
		}
		before := shared.asked
		for i, want := range []string{"", "QUOTA_EXCEEDED"} {
			if _, err := asks(t, limits, identity.Anonymous(), &shopv1.GetProductRequest{}); reasonOf(t, err) != want {
				t.Errorf("the rest, %d: error = %v, want %s", i, err, want)
			}
		}
		if shared.asked != before {
			t.Error("what costs nothing asks the shared counters")
		}
	})
}

// TestGivenUp: a caller who has left is told nothing of limits.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	var told told
	limits := newLimiter(&told).Limit([]policy.Limit{{Name: "all", Quota: policy.Quota{Count: 1, Each: store.Day}, Shared: true, WhenAway: policy.DenyAll}},
		&counters{err: errors.New("given up")})
	for want, left := range map[connect.Code]func() (context.Context, context.CancelFunc){
		connect.CodeCanceled:         func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) },
		connect.CodeDeadlineExceeded: func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), -1) },
	} {
		ctx, cancel := left()
		cancel()
		ctx = policy.With(ctx, &policy.Call{Caller: identity.Anonymous(), Arrived: time.Now()})
		_, err := limits.WrapUnary(nil)(ctx, connect.NewRequest(&shopv1.GetProductRequest{}))
		if connect.CodeOf(err) != want || len(told.away) != 0 {
			t.Errorf("error = %v, want %s; told %v", err, want, told.away)
		}
	}
}

// TestLimitFields: answers, failures and refusals tell of the limits in their headers, over every protocol.
func TestLimitFields(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]connect.ClientOption{"Connect": connect.WithProtoJSON(), "gRPC": connect.WithGRPC(), "gRPC-Web": connect.WithGRPCWeb()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told told
			limits := newLimiter(&told).Limit([]policy.Limit{
				{Name: "total", Quota: policy.Quota{Count: 1000, Each: store.Day}},
				{Name: "each", Rate: policy.Rate{Count: 5, Per: time.Hour, Burst: 2}},
				{Name: "at_once", Concurrency: 7},
				{Name: "even", Rate: policy.Rate{Count: 100, Per: time.Second, Burst: 100}},
			}, nil)
			served := 0
			mux := http.NewServeMux()
			mux.Handle(procedure, connect.NewUnaryHandler(procedure, func(context.Context, *request) (*response, error) {
				if served++; served == 2 {
					return nil, connect.NewError(connect.CodeNotFound, errors.New("not there"))
				}
				return connect.NewResponse(&shopv1.GetProductResponse{}), nil
			}, connect.WithInterceptors(limits)))
			entrance := &policy.Entrance{
				Chain: identity.NewChain(), PeerOf: func(*http.Request) policy.Peer { return policy.Peer{} }, Done: func(*http.Request, *policy.Call) {},
			}
			server := httptest.NewUnstartedServer(entrance.Handler(procedure[1:], true, mux))
			server.EnableHTTP2 = true
			server.StartTLS()
			defer server.Close()
			client := connect.NewClient[shopv1.GetProductRequest, shopv1.GetProductResponse](server.Client(), server.URL+procedure, option)
			for i, want := range []string{"", "not_found", "resource_exhausted"} {
				ctx, info := connect.NewClientContext(t.Context())
				_, err := client.CallUnary(ctx, connect.NewRequest(&shopv1.GetProductRequest{}))
				if err != nil && connect.CodeOf(err).String() != want {
					t.Fatalf("%d: error = %v", i, err)
				}
				header := info.ResponseHeader()
				if failure, ok := errors.AsType[*connect.Error](err); ok && header.Get("Ratelimit") == "" {
					header = failure.Meta()
				}
				checkFields(t, header, int64(i))
				if retry := header.Get("Retry-After"); (want == "resource_exhausted") != (retry == "720") {
					t.Errorf("%d: Retry-After = %q", i, retry)
				}
			}
		})
	}
}

func checkFields(t *testing.T, header http.Header, before int64) {
	t.Helper()
	const policies = `"at_once";q=7;qu="concurrent-requests", "total";q=1000;w=86400, "each";q=5;w=3600;sheaf-burst=2, "even";q=100;w=1`
	if got := header.Get("Ratelimit-Policy"); got != policies {
		t.Errorf("RateLimit-Policy = %s", got)
	}
	taken := min(before+1, 2)
	var left []string
	for item := range strings.SplitSeq(header.Get("Ratelimit"), ", ") {
		left = append(left, strings.Split(item, ";t=")[0])
	}
	want := []string{`"at_once";r=6`, fmt.Sprintf(`"total";r=%d`, 1000-taken), fmt.Sprintf(`"each";r=%d`, 2-taken)}
	if len(left) != 4 || !slices.Equal(left[:3], want) || !strings.Contains(header.Get("Ratelimit"), `"each";r=`+strconv.FormatInt(2-taken, 10)+`;t=720`) {
		t.Errorf("RateLimit = %s", header.Get("Ratelimit"))
	}
}

// BenchmarkLimit is what two limits in memory, by caller, cost a call.
func BenchmarkLimit(b *testing.B) {
	var told told
	for name, key := range map[string]string{"by caller": "caller.id", "by a claim": "caller.claims.tenant", "by caller and RPC": "caller.id + rpc"} {
		b.Run(name, func(b *testing.B) {
			program := expression(b, key)
			limits := newLimiter(&told).Limit([]policy.Limit{
				{Name: "each", Key: program, Rate: policy.Rate{Count: 1_000_000, Per: time.Second, Burst: 1_000_000_000}},
				{Name: "month", Key: program, Quota: policy.Quota{Count: 1_000_000_000_000, Each: store.Month}},
			}, nil)
			caller := identity.New("keys", "alice", "", nil, []byte(`{"tenant":"acme"}`))
			answer := connect.NewResponse(&shopv1.GetProductResponse{})
			serve := limits.WrapUnary(func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) { return answer, nil })
			message := connect.NewRequest(&shopv1.GetProductRequest{})
			ctx := policy.With(b.Context(), &policy.Call{RPC: procedure[1:], Caller: caller, Arrived: time.Now()})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := serve(ctx, message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLimitRefuses is what a refusal costs, which has to be less than what it saves.
func BenchmarkLimitRefuses(b *testing.B) {
	limiter := &policy.Limiter{Memory: store.NewMemoryCounters(1000), InFlight: policy.NewInFlight(), Refused: func(context.Context, string, string) {}}
	limits := limiter.Limit([]policy.Limit{{Name: "each", Key: expression(b, "caller.id"), Rate: policy.Rate{Count: 1, Per: time.Hour, Burst: 1}}}, nil)
	serve := limits.WrapUnary(func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) { return nil, nil })
	message := connect.NewRequest(&shopv1.GetProductRequest{})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = serve(policy.With(b.Context(), &policy.Call{RPC: procedure[1:], Caller: callerOf("a"), Arrived: time.Now()}), message)
	}
}
