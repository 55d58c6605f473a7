package policy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/reflect/protoregistry"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// condition compiles a condition over a request for a product.
func condition(tb testing.TB, text string) *expr.Program {
	tb.Helper()
	env, err := expr.NewEnv(protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	env, err = env.With(
		expr.Variable{Name: "caller", Type: cel.DynType}, expr.Variable{Name: "peer", Type: cel.MapType(cel.StringType, cel.StringType)},
		expr.Variable{Name: "rpc", Type: cel.StringType}, expr.Variable{Name: "now", Type: cel.TimestampType},
		expr.Variable{Name: "request", Type: cel.ObjectType("shop.v1.GetProductRequest")},
	)
	if err != nil {
		tb.Fatal(err)
	}
	program, mistakes := env.Compile(text)
	if program == nil {
		tb.Fatal(mistakes)
	}
	return program
}

// ruleSet compiles rules, each written as "allow NAME CONDITION" or "deny NAME CONDITION".
func ruleSet(tb testing.TB, rules ...string) *policy.Rules {
	tb.Helper()
	var compiled []policy.Rule
	for _, rule := range rules {
		parts := strings.SplitN(rule, " ", 3)
		compiled = append(compiled, policy.Rule{Name: parts[1], Deny: parts[0] == policy.Deny, When: condition(tb, parts[2])})
	}
	return policy.NewRules(compiled)
}

// someone is a caller with claims.
func someone() *identity.Caller {
	return identity.New("staff", "ann", "https://issuer.example", []string{"read", "write"}, []byte(`{"team":"shop","level":3,"off":null}`))
}

func callOf(caller *identity.Caller) *policy.Call {
	return &policy.Call{RPC: procedure[1:], Caller: caller, Peer: policy.Peer{IP: "192.0.2.7", Listener: "public"}}
}

// TestDecide: nothing is allowed but by a rule, and a rule that denies wins, also when it cannot be evaluated.
func TestDecide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name             string
		rules            []string
		kind, by, reason string
	}{
		{"none", nil, policy.Deny, "", "no rule allows it"},
		{"allowed", []string{`allow staff caller.provider == "staff"`}, policy.Allow, "staff", "its condition holds"},
		{"the second allows", []string{`allow no false`, `allow yes "write" in caller.scopes`}, policy.Allow, "yes", "its condition holds"},
		{"none fulfilled", []string{`allow no caller.claims.level > 3`}, policy.Deny, "", "no rule allows it"},
		{"denied before allowed", []string{`allow all true`, `deny team caller.claims.team == "shop"`}, policy.Deny, "team", "its condition holds"},
		{"deny not fulfilled", []string{`deny no peer.ip.startsWith("10.")`, `allow all true`}, policy.Allow, "all", "its condition holds"},
		{"deny on a missing claim", []string{`deny banned caller.claims.banned`, `allow all true`}, policy.Deny, "banned", "its condition cannot be evaluated: it looks at a value that is missing"},
		{"deny on a null", []string{`deny off caller.claims.off == "x"`, `allow all true`}, policy.Deny, "off", "its condition cannot be evaluated: it looks at a value that is missing"},
		{"deny on a wrong type", []string{`deny team caller.claims.team`, `allow all true`}, policy.Deny, "team", "its condition cannot be evaluated: it gives neither true nor false"},
		{"deny that fails", []string{`deny half 1 / (caller.claims.level - 3) > 0`, `allow all true`}, policy.Deny, "half", "its condition cannot be evaluated: it meets a value that it cannot work with"},
		{"allow on a missing claim", []string{`allow vip caller.claims.vip`}, policy.Deny, "", "no rule allows it; vip cannot be evaluated: it looks at a value that is missing"},
		{"allow on a text", []string{`allow team caller.claims.team`}, policy.Deny, "", "no rule allows it; team cannot be evaluated: it gives neither true nor false"},
		{"request", []string{`allow own request.product_id == caller.id`}, policy.Allow, "own", "its condition holds"},
		{"rpc and time", []string{`allow later rpc.startsWith("shop.") && now > timestamp("2026-01-01T00:00:00Z")`}, policy.Allow, "later", "its condition holds"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			facts := callOf(someone()).Facts(&shopv1.GetProductRequest{ProductId: "ann"}, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
			got := ruleSet(t, test.rules...).Decide(t.Context(), facts)
			if want := (policy.Decision{Kind: test.kind, By: test.by, Reason: test.reason}); got != want {
				t.Errorf("decision = %+v, want %+v", got, want)
			}
		})
	}
}

// knowing lets an interceptor know of a call.
func knowing(call *policy.Call, inner connect.Interceptor) connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		inner := inner.WrapUnary(next)
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			return inner(policy.With(ctx, call), request)
		}
	})
}

// TestAuthorize: whoever is denied learns no more than that; who has proven nothing is asked to where that is possible.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	rules := ruleSet(t, `allow secret_name caller.id == "ann"`)
	other := identity.New("staff", "bob", "", nil, nil)
	for _, test := range []struct {
		name     string
		caller   *identity.Caller
		provable bool
		code     connect.Code
	}{
		{"allowed", someone(), true, 0},
		{"denied", other, true, connect.CodePermissionDenied},
		{"anonymous", identity.Anonymous(), true, connect.CodeUnauthenticated},
		{"nothing to prove with", identity.Anonymous(), false, connect.CodePermissionDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			noted := callOf(test.caller)
			if test.provable {
				noted.Challenges = []string{"Bearer", `ApiKey header="X-Api-Key"`}
			}
			err := call(t, knowing(noted, policy.Authorize(rules)), fine, &shopv1.GetProductRequest{})
			if len(noted.Decisions) != 1 || (noted.Decisions[0].Kind == policy.Allow) != (test.code == 0) {
				t.Errorf("decisions = %+v", noted.Decisions)
			}
			if test.code == 0 {
				if err != nil {
					t.Errorf("error = %v", err)
				}
				return
			}
			checkDenied(t, err, test.code)
		})
	}
}

func checkDenied(t *testing.T, err error, code connect.Code) {
	t.Helper()
	told, ok := errors.AsType[*connect.Error](err)
	if !ok || told.Code() != code || strings.Contains(told.Error(), "secret_name") || len(told.Details()) != 1 {
		t.Fatalf("error = %v", err)
	}
	var want []string
	if code == connect.CodeUnauthenticated {
		want = []string{"Bearer", `ApiKey header="X-Api-Key"`}
	}
	if asked := told.Meta().Values("WWW-Authenticate"); !slices.Equal(asked, want) {
		t.Errorf("WWW-Authenticate = %q", asked)
	}
	info, err := told.Details()[0].Value()
	if err != nil {
		t.Fatal(err)
	}
	if info := info.(*errdetails.ErrorInfo); info.GetReason() != "POLICY_DENIED" || len(info.GetMetadata()) != 0 {
		t.Errorf("detail = %v", info)
	}
}

// TestAuthorizeEnded: a decision that the deadline cuts short is no permission, and no denial either.
func TestAuthorizeEnded(t *testing.T) {
	t.Parallel()
	long := ruleSet(t, `allow long lists.range(1000).all(i, lists.range(1000).all(j, i + j >= 0))`)
	ctx, cancel := context.WithCancel(policy.With(t.Context(), callOf(someone())))
	cancel()
	decide := policy.Authorize(long).WrapUnary(func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) {
		t.Error("was allowed")
		return nil, nil
	})
	if _, err := decide(ctx, connect.NewRequest(&shopv1.GetProductRequest{})); connect.CodeOf(err) != connect.CodeCanceled {
		t.Errorf("error = %v", err)
	}
}

// BenchmarkAuthorize: three rules as they are commonly written.
func BenchmarkAuthorize(b *testing.B) {
	rules := ruleSet(b, `deny night peer.ip.startsWith("10.") && now < timestamp("2020-01-01T00:00:00Z")`,
		`allow admins "admin" in caller.scopes`, `allow team caller.claims.team == "shop" && request.product_id != ""`)
	noted := callOf(someone())
	ctx := policy.With(b.Context(), noted)
	allowed, err := connect.NewResponse(&shopv1.GetProductResponse{}), error(nil)
	authorize := policy.Authorize(rules).WrapUnary(func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) { return allowed, err })
	request := connect.NewRequest(&shopv1.GetProductRequest{ProductId: "p-1"})
	b.ReportAllocs()
	for b.Loop() {
		noted.Decisions = noted.Decisions[:0]
		if _, err := authorize(ctx, request); err != nil {
			b.Fatal(err)
		}
	}
}
