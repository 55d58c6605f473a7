package compile

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

const (
	defaultIdempotencyKeep  = 24 * time.Hour
	longestIdempotencyKeep  = 31 * 24 * time.Hour
	shortestIdempotencyKeep = time.Minute
)

// idempotency compiles which RPCs happen once for each key; nil for none.
func (d *draft) idempotency(node *source.Node) *plan.Idempotency {
	if node == nil {
		return nil
	}
	config := d.project.Config.GetPolicy().GetIdempotency()
	frozen := &plan.Idempotency{
		RPCs: d.withEffects(node.Get("rpcs")), Required: config.GetRequired(), Keep: defaultIdempotencyKeep,
		Redis: config.GetStore() == "redis", Deny: config.GetWhenAway() != "allow", At: node.Position,
	}
	if keep := config.GetKeep(); keep != nil {
		frozen.Keep = keep.AsDuration()
		d.checkIdempotencyKeep(node.Get("keep"), frozen.Keep)
	}
	if frozen.Redis {
		d.needRedis(node.Get("store"))
	}
	if away := node.Get("when_away"); away != nil && !frozen.Redis {
		d.report(away, "add store: redis, or remove it", "when_away is about Redis, and the answers are kept in memory")
	}
	return frozen
}

// checkIdempotencyKeep refuses a time after which a request could count as new that is still under way.
func (d *draft) checkIdempotencyKeep(node *source.Node, keep time.Duration) {
	if shortest := max(shortestIdempotencyKeep, 2*d.maxTimeout()); keep < shortest {
		d.report(node, "write "+shortest.String()+" or more; the default is 24h",
			"answers are kept for less than %s, twice as long as an RPC may take and at least a minute: a request that comes again would run again", shortest)
	}
	if keep > longestIdempotencyKeep {
		d.report(node, "write 744h or less; the default is 24h", "answers are kept for more than 31 days")
	}
}

// withEffects are the RPCs that patterns are about. Those without side effects need no key: a pattern leaves them out, but may not name
// one, nor them alone.
func (d *draft) withEffects(patterns *source.Node) map[string]bool {
	found := map[string]bool{}
	for _, one := range d.matching(patterns) {
		if !isSafe(one) {
			found[plan.Procedure(one.method)] = true
		}
	}
	for _, pattern := range patterns.Items {
		d.checkEffects(pattern)
	}
	return found
}

func (d *draft) checkEffects(pattern *source.Node) {
	safe := 0
	for _, one := range d.reached() {
		if !matches(pattern.Text, plan.Procedure(one.method)) {
			continue
		}
		if !isSafe(one) {
			return
		}
		safe++
	}
	const hint = "remove it: a request without side effects can be made again without a key"
	switch {
	case safe == 0: // which is reported
	case strings.HasSuffix(pattern.Text, "*"):
		d.report(pattern, hint, "all RPCs of %s have idempotency_level NO_SIDE_EFFECTS", pattern.Text)
	default:
		d.report(pattern, hint, "%s has idempotency_level NO_SIDE_EFFECTS", pattern.Text)
	}
}

// isSafe reports whether the contract says that an RPC has no side effects.
func isSafe(rpc *rpc) bool {
	options, ok := rpc.method.Options().(*descriptorpb.MethodOptions)
	return ok && options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
}
