package policy_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

const idempotencyKey = "8e03978e-40d5-43dd-bc93-6894a57f9324"

// failing are records that fail at will; they count what they are asked for.
type failing struct {
	store.Idempotency

	mu     sync.Mutex
	errs   map[string]error
	counts map[string]int
	kept   []byte
}

func (f *failing) ask(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[what]++
	return f.errs[what]
}

func (f *failing) fail(what string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs[what] = err
}

func (f *failing) Reserve(ctx context.Context, of store.Reservation) (store.Found, error) {
	if err := f.ask("reserve"); err != nil {
		return store.Found{}, err
	}
	return f.Idempotency.Reserve(ctx, of)
}

func (f *failing) Extend(ctx context.Context, of store.Reservation) error {
	if err := f.ask("extend"); err != nil {
		return err
	}
	return f.Idempotency.Extend(ctx, of)
}

func (f *failing) MarkSent(ctx context.Context, of store.Reservation) error {
	if err := f.ask("mark"); err != nil {
		return err
	}
	return f.Idempotency.MarkSent(ctx, of)
}

func (f *failing) Finish(ctx context.Context, of store.Reservation, answer []byte) error {
	if err := f.ask("finish"); err != nil {
		return err
	}
	f.kept = answer
	return f.Idempotency.Finish(ctx, of, answer)
}

// shopOnce is an RPC whose requests run once.
type shopOnce struct {
	config  policy.IdempotencyConfig
	records *failing
	logged  *bytes.Buffer
	runs    int
	// run is what a run does.
	run func(context.Context) (*shopv1.GetProductResponse, error)
}

func newShopOnce(run func(context.Context) (*shopv1.GetProductResponse, error)) *shopOnce {
	s := &shopOnce{run: run, logged: &bytes.Buffer{}}
	s.records = &failing{Idempotency: store.NewMemoryIdempotency(8 << 20), errs: map[string]error{}, counts: map[string]int{}}
	s.config = policy.IdempotencyConfig{Records: s.records, Keep: 24 * time.Hour, Logger: slog.New(slog.NewTextHandler(s.logged, nil))}
	return s
}

// asked is one request.
type asked struct {
	id, key, caller, rpc string
}

var codec = policy.ResponseCodec{
	Wire: func(response connect.AnyResponse) ([]byte, error) {
		return proto.Marshal(response.Any().(proto.Message))
	},
	Response: func(wire []byte) connect.AnyResponse {
		message := &shopv1.GetProductResponse{}
		_ = proto.Unmarshal(wire, message)
		return connect.NewResponse(message)
	},
}

// ask makes a request, and returns what came of it in a few words, and the call.
func (s *shopOnce) ask(from asked) (told string, response connect.AnyResponse, call *policy.Call, err error) {
	call = &policy.Call{RPC: "shop.v1.S/Buy" + from.rpc, Caller: identity.Anonymous()}
	if from.caller != "" {
		call.Caller = identity.New("keys", from.caller, "", nil, nil)
	}
	request := connect.NewRequest(&shopv1.GetProductRequest{ProductId: from.id})
	if from.key != "" {
		request.Header().Set("Idempotency-Key", from.key)
	}
	serve := policy.NewIdempotency(s.config).Interceptor(codec).WrapUnary(func(ctx context.Context, _ connect.AnyRequest) (connect.AnyResponse, error) {
		s.runs++
		message, err := s.run(ctx)
		if err != nil {
			return nil, err
		}
		response := connect.NewResponse(message)
		response.Header().Set("X-From", "upstream")
		response.Trailer().Set("X-Last", "one")
		return response, nil
	})
	response, err = serve(policy.With(context.Background(), call), request)
	if err != nil {
		return outcomeOf(err), nil, call, err
	}
	if response.Header().Get("Idempotency-Replayed") == "true" {
		return "replayed", response, call, nil
	}
	return "ok", response, call, nil
}

func (s *shopOnce) expect(t *testing.T, from asked, want string) {
	t.Helper()
	if got, _, _, err := s.ask(from); got != want {
		t.Errorf("got %s, want %s; error %v", got, want, err)
	}
}

// outcomeOf is the code and the reason of a failure.
func outcomeOf(err error) string {
	text := connect.CodeOf(err).String()
	if info := detailOf[*errdetails.ErrorInfo](err); info != nil {
		text += " " + info.GetReason()
	}
	if detailOf[*errdetails.RetryInfo](err) != nil {
		text += " later"
	}
	return text
}

func detailOf[Detail proto.Message](err error) (found Detail) {
	failed, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return found
	}
	for _, detail := range failed.Details() {
		if value, err := detail.Value(); err == nil {
			if typed, is := value.(Detail); is {
				return typed
			}
		}
	}
	return found
}

const (
	unknown = "unknown OUTCOME_UNKNOWN"
	inUse   = "aborted IDEMPOTENCY_KEY_IN_USE later"
	away    = "unavailable IDEMPOTENCY_UNAVAILABLE later"
	reused  = "failed_precondition IDEMPOTENCY_KEY_REUSED"
	invalid = "invalid_argument IDEMPOTENCY_KEY_INVALID"
)

// buy is a run that changes something.
func buy(ctx context.Context) (*shopv1.GetProductResponse, error) {
	if err := policy.ExecutionFrom(ctx).Begin(ctx); err != nil {
		return nil, connect.NewError(connect.CodeInternal, err)
	}
	return &shopv1.GetProductResponse{Id: "bought"}, nil
}
