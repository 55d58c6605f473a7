package plan

import (
	"fmt"
	"strings"
	"time"
)

// LimitsOf are the limits about an RPC, in the order of the file; of no policy, none.
func (p *Policy) LimitsOf(rpc string) []*Limit {
	if p == nil {
		return nil
	}
	var limits []*Limit
	for _, limit := range p.Limits {
		if limit.RPCs[rpc] {
			limits = append(limits, limit)
		}
	}
	return limits
}

// quantity is how much a limit allows, for people.
func (l *Limit) quantity() string {
	switch {
	case l.Rate != nil:
		unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[l.Rate.Per]
		return fmt.Sprintf("%d/%s, at once %d", l.Rate.Count, unit, l.Rate.Burst)
	case l.Quota != nil:
		return fmt.Sprintf("%d/%s", l.Quota.Count, l.Quota.Each)
	case l.Concurrency > 0:
		return fmt.Sprintf("%d in flight", l.Concurrency)
	default:
		return "from the environment"
	}
}

// notes are a limit's other properties.
func (l *Limit) notes() string {
	notes := []string{"for all together"}
	if l.Key != nil {
		notes[0] = "for each " + l.Key.Text
	}
	if l.Cost != nil {
		notes = append(notes, "costs "+l.Cost.Text)
	}
	if l.Redis {
		notes = append(notes, "in Redis, while away "+l.WhenAway)
	}
	return strings.Join(notes, "; ")
}
