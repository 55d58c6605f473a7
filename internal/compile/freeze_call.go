package compile

import (
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

func (c *call) freeze(d *draft, r *rpc) *plan.Call {
	frozen := &plan.Call{
		Name: c.key.Key, When: operandOf(c.when), Each: c.freezeEach(), Poll: c.freezePoll(), Retry: c.freezeRetry(),
		Optional: c.message.GetOptional(), Warning: c.message.GetWarning(), Commit: c.message.GetCommit(),
		Timeout: c.timeout(d, r), Tries: c.tries(d), Needs: c.needs, Shape: c.gives(r).shape, Meta: r.shapeOf("answers." + c.key.Key), About: c.answer.shape,
		Fields: r.fieldsFrom(c.index), Sent: c.sent, At: c.key.KeyAt,
	}
	for _, hole := range c.holes {
		frozen.PathNeeds = union(frozen.PathNeeds, hole.calls)
	}
	frozen.Merged = r.pages != nil && r.pages.merge != nil && r.pages.merge.call == c
	if c.callee != nil {
		frozen.Callee = c.callee.freeze()
	} else {
		frozen.Request = c.freezeRequest()
	}
	return frozen
}

func (c *call) freezeRequest() *plan.Request {
	frozen := &plan.Request{
		Upstream: c.upstream, Method: c.method, Repeatable: c.message.GetRepeatable(), Path: c.path, Route: c.method + " " + c.path.Names(),
		Headers: freezeParameters(c.headers), Forward: c.message.GetForwardHeaders(), Body: c.body, Form: c.form, Bytes: operandOf(c.bytes),
	}
	frozen.Base64 = c.bytes != nil && c.bytes.typ.Kind() == cel.BytesKind
	for _, status := range c.message.GetAbsentOn() {
		frozen.AbsentOn = append(frozen.AbsentOn, int(status))
	}
	for _, parameter := range c.query {
		frozen.Query = projection.AddQuery(frozen.Query, parameter.name, parameter.from.Operand)
	}
	for i, hole := range c.holes {
		frozen.PathValues = append(frozen.PathValues, hole.Operand)
		if hole.ofRequest() {
			frozen.RequestHoles = append(frozen.RequestHoles, i)
		}
	}
	return frozen
}

func (c *callee) freeze() *plan.Callee {
	frozen := &plan.Callee{
		Method: c.method, Function: c.function, Input: c.input, Output: c.output, From: operandOf(c.from), Table: c.table, Otherwise: c.fixed,
		Request: projection.Response{Fields: rules(c.fields)},
	}
	if c.from != nil {
		frozen.Otherwise = c.otherwise
	}
	if c.whole != nil {
		frozen.Request.Fields = []projection.Rule{&projection.Whole{
			Target: projection.Target{Path: requestName, At: c.whole.at.Position},
			From:   c.whole.Operand, Encoding: projection.ObjectEncoding(c.input),
		}}
	}
	return frozen
}

func (c *call) freezeEach() *plan.Each {
	if c.each == nil {
		return nil
	}
	const defaultConcurrency = 8
	return &plan.Each{
		Loop: c.each.loop.freeze(), Key: c.each.key.Operand, Max: c.each.max, Batch: int(c.message.GetBatchSize()),
		Concurrency: positive(int(c.message.GetConcurrency()), defaultConcurrency), Items: operandOf(c.each.items),
	}
}

func (c *call) freezePoll() *plan.Poll {
	if c.poll == nil {
		return nil
	}
	frozen := &plan.Poll{
		Done: operandOf(c.poll.done), Failed: operandOf(c.poll.failed), EveryFrom: operandOf(c.poll.everyFrom),
		Every: duration(c.message.GetPoll().GetEvery()), Max: int(c.message.GetPoll().GetMax()),
	}
	if frozen.Every == 0 {
		frozen.Every = time.Second
	}
	return frozen
}

func (c *call) freezeRetry() *plan.Retry {
	message := c.message.GetRetry()
	if message == nil {
		return nil
	}
	const defaultMax = 2
	frozen := &plan.Retry{After: duration(message.GetAfter()), Max: positive(int(message.GetMax()), defaultMax)}
	if frozen.After == 0 {
		frozen.After = time.Second
	}
	for _, reason := range message.GetOn() {
		frozen.On = append(frozen.On, plan.Reason(reason))
	}
	return frozen
}

// timeout is the shortest of the call's, the RPC's and, where it makes one request, the upstream's; 0 if none of them has one.
func (c *call) timeout(d *draft, r *rpc) time.Duration {
	timeouts := []time.Duration{duration(c.message.GetTimeout()), duration(r.message.GetTimeout())}
	if upstream := d.project.Config.GetUpstreams()[c.upstream]; upstream.GetRetries() == nil {
		timeouts = append(timeouts, duration(upstream.GetTimeout()))
	}
	var shortest time.Duration
	for _, timeout := range timeouts {
		if timeout > 0 && (shortest == 0 || timeout < shortest) {
			shortest = timeout
		}
	}
	return shortest
}

// tries is how many requests can become of one.
func (c *call) tries(d *draft) int {
	upstream := d.project.Config.GetUpstreams()[c.upstream]
	if c.callee != nil || c.method != "GET" && !c.message.GetRepeatable() {
		return 1
	}
	tries := 1 + freezeRetries(upstream.GetRetries()).Max
	if upstream.GetHedging() != nil {
		tries *= 2
	}
	return tries
}

// ofRequest reports whether an operand depends on the request alone, and on it.
func (o *operand) ofRequest() bool {
	selections := o.selections()
	return len(selections) > 0 && !slices.ContainsFunc(selections, func(s string) bool { return s != requestName && !strings.HasPrefix(s, requestName+".") })
}
