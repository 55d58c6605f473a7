package compile

import (
	"slices"
)

// checkCommit makes a promise of the commit point: before it, a failure means that nothing was done; after it, never.
func checkCommit(d *draft) error {
	for _, r := range d.rpcs {
		committed := slices.IndexFunc(r.calls, func(c *call) bool { return c.message.GetCommit() })
		if committed < 0 {
			continue
		}
		d.checkCommit(r, r.calls[committed])
	}
	return nil
}

func (d *draft) checkCommit(r *rpc, commit *call) {
	for _, c := range r.calls {
		switch {
		case c == commit:
		case c.message.GetCommit():
			d.report(c.key.Value.Get("commit"), "mark the call after which it cannot be undone", "RPC %s has a commit point already, call %s", r.key.Key, commit.key.Key)
		case c.message.GetOptional():
		case r.dependsOn(c.index, commit.index):
			d.reportKey(c.key, "make it optional, with warning: if clients should know",
				"required call %s comes after the commit point %s: a failure would say that nothing was done", c.key.Key, commit.key.Key)
		default:
			commit.needs = union(commit.needs, []int{c.index})
		}
	}
}

// dependsOn reports whether a call waits for another, directly or not.
func (r *rpc) dependsOn(call, other int) bool {
	for _, need := range r.calls[call].needs {
		if need == other || r.dependsOn(need, other) {
			return true
		}
	}
	return false
}
