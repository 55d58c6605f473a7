package compile

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// eachOf parses the each or the batch of a call, and returns a parser for what is sent for one element or chunk; p itself
// if there is neither, and nil if it reported a problem.
func (p *parser) eachOf(c *call) *parser {
	key := "each"
	node := c.key.Value.Get(key)
	if batch := c.key.Value.Get("batch"); batch != nil {
		if node != nil {
			p.report(batch, "keep one of them", "a call has each or batch, not both")
			return nil
		}
		key, node = "batch", batch
	}
	if node == nil {
		p.withoutEach(c)
		return p
	}
	loop := p.loop(node, key)
	if loop == nil {
		return nil
	}
	c.each = &eachCall{loop: loop, batch: key == "batch", max: int(c.message.GetMax())}
	c.addInputs(loop.list)
	inner := p.inLoop(loop, node)
	if inner == nil {
		return nil
	}
	c.each.key = inner.keyOfElement(c, node)
	if given := c.gives(p.rpc); given.entry != nil && c.each.key != nil {
		given.entry.key = c.each.key.message
	}
	if c.each.max == 0 {
		p.report(node, "add max: with the largest number of elements", "%s without max", key)
	}
	if !c.each.batch {
		return inner
	}
	return p.inChunk(c, node)
}

// withoutEach refuses what only goes with each or batch.
func (p *parser) withoutEach(c *call) {
	for _, key := range []string{"key", "max", "batch_size", "concurrency", "items"} {
		if at := c.key.Value.Get(key); at != nil {
			p.report(at, "remove it, or add each or batch", "%s without each or batch", key)
		}
	}
}

// keyOfElement is what elements are told apart by.
func (p *parser) keyOfElement(c *call, node *source.Node) *operand {
	if at := c.key.Value.Get("key"); at != nil {
		return p.expression(at, at.Text, 0)
	}
	return p.expression(node, c.each.loop.name, 0)
}

// keysName is the list of a chunk's keys, in what a batch sends.
const keysName = "keys"

// inChunk is a parser for what a batch sends, where keys are those of a chunk and the loop's name means nothing.
func (p *parser) inChunk(c *call, node *source.Node) *parser {
	if c.message.GetBatchSize() == 0 {
		p.report(node, "add batch_size: with the number of elements in one call", "batch without batch_size")
	}
	if c.message.GetItems() == "" {
		p.report(node, "add items: with the list in each answer, such as answer.body.users", "batch without items")
	}
	chunk := &loop{name: keysName, depth: c.each.loop.depth, typ: cel.ListType(cel.DynType), calls: c.each.loop.calls}
	return p.inLoop(chunk, node)
}

// aboutAnswer parses what a call says of its answers.
func (p *parser) aboutAnswer(c *call) {
	inner := p.with(c.key.Value, expr.Variable{Name: answerName, Type: cel.DynType})
	if inner == nil {
		return
	}
	inner.call = c
	if at := c.key.Value.Get("items"); at != nil && c.each != nil && c.each.batch {
		c.each.items = inner.expression(at, at.Text, 0)
	}
	if at := c.key.Value.Get("poll"); at != nil {
		c.poll = &poll{done: inner.condition(at.Get("done")), failed: inner.condition(at.Get("failed"))}
		if every := at.Get("every_from"); every != nil {
			c.poll.everyFrom = inner.expression(every, every.Text, 0)
		}
		c.addInputs(c.poll.done, c.poll.failed, c.poll.everyFrom)
	}
	p.retry(c)
	p.outcome(c)
}

// retry checks that the reasons to try again are those of the upstream.
func (p *parser) retry(c *call) {
	at := c.key.Value.Get("retry", "on")
	if at == nil || c.callee != nil {
		return
	}
	known := slices.Clone(plan.Reasons())
	for _, rule := range p.project.Config.GetUpstreams()[c.upstream].GetErrors() {
		known = append(known, reasonOf(rule))
	}
	for _, item := range at.Items {
		if !slices.Contains(known, item.Text) {
			p.report(item, diag.DidYouMean("reasons", item.Text, known), "no error rule of upstream %q gives the reason %q", c.upstream, item.Text)
		}
	}
}

// outcome checks what a call says of its place in the whole.
func (p *parser) outcome(c *call) {
	optional := c.message.GetOptional()
	if at := c.key.Value.Get("warning"); at != nil && !optional {
		p.report(at, "add optional: true", "a warning is for an optional call: without a required one there is no answer")
	}
	if at := c.key.Value.Get("commit"); at != nil && c.message.GetCommit() {
		switch {
		case optional:
			p.report(at, "remove optional", "an optional call cannot be the commit point")
		case c.when != nil || c.each != nil:
			p.report(at, "remove when, each and batch", "the commit point is one call, which is always made")
		case c.method == "GET":
			p.report(at, "remove it", "a GET changes nothing, so it cannot be the commit point")
		}
	}
	if at := c.key.Value.Get("retry"); at != nil && c.message.GetRetry().GetMax() == 1 {
		p.report(at.Get("max"), "write 2 or more", "one request is no retry")
	}
	if strings.Contains(c.message.GetWarning(), "${") {
		p.report(c.key.Value.Get("warning"), "write a plain text", "a warning has no holes")
	}
}
