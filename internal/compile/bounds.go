package compile

import "time"

const (
	// maxCalls bounds the calls of one RPC: more than a service can promise to answer at once.
	maxCalls = 64
	// maxLoops bounds how deep loops may be nested.
	maxLoops = 8
	// defaultMaxTimeout is the server's max_timeout where the author gives none.
	defaultMaxTimeout = 30 * time.Second
)

// checkBounds refuses what no plan may exceed, and timeouts that could never matter.
func checkBounds(d *draft) error {
	for _, rpc := range d.rpcs {
		if len(rpc.calls) > maxCalls {
			d.reportKey(rpc.key, "split the RPC", "RPC %s makes %d calls; the most is %d", rpc.key.Key, len(rpc.calls), maxCalls)
		}
		d.checkTimeouts(rpc)
	}
	return nil
}

func (d *draft) checkTimeouts(r *rpc) {
	whole := d.maxTimeout()
	if own := r.message.GetTimeout(); own != nil {
		if own.AsDuration() > whole {
			d.report(r.key.Value.Get("timeout"), "lower it, or raise server.max_timeout in sheaf.yaml",
				"timeout of %s is longer than the server's max_timeout, %s", r.key.Key, whole)
		}
		whole = own.AsDuration()
	}
	for _, call := range r.calls {
		if own := call.message.GetTimeout(); own != nil && own.AsDuration() > whole {
			d.report(call.key.Value.Get("timeout"), "lower it, or raise that of the RPC",
				"timeout of call %s is longer than its RPC may take, %s", call.key.Key, whole)
		}
	}
}

func (d *draft) maxTimeout() time.Duration {
	if own := d.project.Config.GetServer().GetMaxTimeout(); own != nil {
		return own.AsDuration()
	}
	return defaultMaxTimeout
}
