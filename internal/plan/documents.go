package plan

import "github.com/sheaf-rpc/sheaf/internal/projection"

// Documents says where the documents of an RPC are in a scope's answers: first the answers of the calls, then what is known
// about each, then those of the RPC as a whole.
type Documents struct{ Calls int }

// Meta is the status, headers and error of a call.
func (d Documents) Meta(call int) int { return d.Calls + call }

// Page is the page that is asked for.
func (d Documents) Page() int { return 2 * d.Calls }

// Items is the list that the pages of several sources became.
func (d Documents) Items() int { return 2*d.Calls + 1 }

// Account is the account that calls are made for.
func (d Documents) Account() int { return 2*d.Calls + 2 }

// Warnings are the warnings of optional calls that failed.
func (d Documents) Warnings() int { return 2*d.Calls + 3 }

// Answer is the answer that a call is about to judge.
func (d Documents) Answer() int { return 2*d.Calls + 4 }

// Caller is whoever calls.
func (d Documents) Caller() int { return 2*d.Calls + 5 }

// Count is how many documents there are.
func (d Documents) Count() int { return 2*d.Calls + 6 }

// CallOf is the call that a document is from, or -1.
func (d Documents) CallOf(document int) int {
	if document < 0 || document >= 2*d.Calls {
		return -1
	}
	return document % d.Calls
}

// Shapes are what is needed of the documents of an RPC as a whole.
type Shapes struct{ Page, Items, Account, Warnings, Caller *projection.Shape }
