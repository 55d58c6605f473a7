package bff

import (
	"context"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// maxIdempotencyBytes bounds what a process keeps for requests with an Idempotency-Key.
const maxIdempotencyBytes = 64 << 20

// openIdempotency prepares to run requests once, if the project asks for it.
func (w *world) openIdempotency() error {
	if w.plan.Policy == nil || w.plan.Policy.Idempotency == nil {
		return nil
	}
	from := w.plan.Policy.Idempotency
	records := store.Idempotency(w.server.idempotency)
	if from.Redis {
		records = store.MovedIdempotency(w.server.idempotency, w.redis.Idempotency())
	}
	config := policy.IdempotencyConfig{
		Records: records, Keep: from.Keep, Required: from.Required, Allow: !from.Deny, Logger: w.server.settings.logger,
	}
	if source := w.plan.Server.PageTokenKey; !source.IsZero() {
		key, err := w.reader().read(source)
		if err != nil {
			return problemAt(source.At, putThere, err)
		}
		config.Key = []byte(key.Reveal())
	}
	w.idempotency = policy.NewIdempotency(config)
	return nil
}

// onceOnly runs requests of an RPC once; nil if it is not among those that ask for it.
func (w *world) onceOnly(method protoreflect.MethodDescriptor) connect.Interceptor {
	if w.idempotency == nil || !w.plan.Policy.Idempotency.RPCs[plan.Procedure(method)] {
		return nil
	}
	return w.idempotency.Interceptor(policy.ResponseCodec{
		Type: string(method.Output().FullName()), Wire: wireOf,
		Response: func(wire []byte) connect.AnyResponse {
			return connect.NewResponse(&response{wire})
		},
	})
}

func wireOf(answer connect.AnyResponse) ([]byte, error) {
	message, ok := answer.Any().(*response)
	if !ok {
		return nil, fmt.Errorf("keep response: %T is none", answer.Any())
	}
	return message.wire, nil
}

// writesOf lets the policy decide about what a run sends that may change something; nil if it does not ask.
func writesOf(ctx context.Context) *aggregate.Writes {
	execution := policy.ExecutionFrom(ctx)
	if execution == nil {
		return nil
	}
	writes := &aggregate.Writes{Before: execution.Begin}
	execution.Follow(writes.Effective)
	return writes
}
