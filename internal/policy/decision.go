package policy

import "slices"

// Decision is one that was made about a call.
type Decision struct {
	// Kind is one of the kinds below, or what was done about a call to an upstream.
	Kind string
	// By is the name of the rule, limit, route or upstream that decided; empty for none.
	By string
	// Reason says more, for logs; it holds no secret and nothing of the message.
	Reason string
}

// The kinds of decisions.
const (
	Allow    = "allow"    // a rule allows the call
	Deny     = "deny"     // nobody knows who calls, a rule denies it, or none allows it
	Limited  = "limit"    // a limit refuses it
	Routed   = "route"    // a route takes it
	Hide     = "hide"     // fields of its response are hidden
	Replay   = "replay"   // the answer of an earlier one is given again
	Conflict = "conflict" // its idempotency key is another's, or in use
	Unknown  = "unknown"  // what became of an earlier one with its idempotency key
)

// refusals are the kinds of decisions that end a call.
var refusals = []string{Deny, Limited, Conflict, Unknown}

// Unread is the outcome of a call whose message nobody could read.
const Unread = "unread"

// Decide notes a decision.
func (c *Call) Decide(kind, by, reason string) { c.add(Decision{kind, by, reason}) }

func (c *Call) add(decision Decision) {
	if c.Decisions == nil {
		c.Decisions = c.fewDecisions[:0]
	}
	c.Decisions = append(c.Decisions, decision)
}

// Outcome is what the policy made of a call that is over: the kind of the decision that ended it, Unread, or Allow, whatever came of it then.
func (c *Call) Outcome() string {
	for _, decision := range c.Decisions {
		if slices.Contains(refusals, decision.Kind) {
			return decision.Kind
		}
	}
	if c.Answer == nil {
		return Unread
	}
	return Allow
}
