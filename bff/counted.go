package bff

import (
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// counted is what decisions are counted by. There are as many as the files name, and one in a process for each.
type counted struct{ kind, rule, rpc string }

// countedOptions are how each counted is measured, made once. It is safe for concurrent use, and to ask it locks nothing.
type countedOptions struct {
	made atomic.Pointer[map[counted][]metric.AddOption] // nil for none; nobody changes it
	mu   sync.Mutex                                     // for whoever makes another
}

func (c *countedOptions) of(by counted) []metric.AddOption {
	if made := c.made.Load(); made != nil {
		if found := (*made)[by]; found != nil {
			return found
		}
	}
	return c.add(by)
}

func (c *countedOptions) add(by counted) []metric.AddOption {
	c.mu.Lock()
	defer c.mu.Unlock()
	more := map[counted][]metric.AddOption{}
	if made := c.made.Load(); made != nil {
		maps.Copy(more, *made)
	}
	if more[by] == nil {
		more[by] = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(
			attribute.String("sheaf.decision", by.kind), attribute.String("sheaf.rule", by.rule), attribute.String("sheaf.rpc", by.rpc)))}
		c.made.Store(&more)
	}
	return more[by]
}
