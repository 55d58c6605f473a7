package policy

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// Peer is where a call comes from.
type Peer struct {
	// IP is the client's address, without a port; behind a trusted proxy, the one that the proxy names.
	IP string
	// Listener is the name of the listener that took the call: public or internal.
	Listener string
}

// network is what to count by: the /64 of an IPv6 address, since whoever has one of its addresses has them all (RFC 4291, section 2.5.1), and an
// IPv4 address as it is.
func (p Peer) network() string {
	const subnet = 64
	if !strings.Contains(p.IP, ":") {
		return p.IP
	}
	address, err := netip.ParseAddr(p.IP)
	if err != nil {
		return p.IP
	}
	if address = address.Unmap().WithZone(""); address.Is4() {
		return address.String()
	}
	return netip.PrefixFrom(address, subnet).Masked().String()
}

// Facts are what expressions of a policy see of one call. They are for one goroutine, and are made use of several times: what is made for
// one expression serves the next.
type Facts struct {
	call *Call
	// Request is nil where it is not known.
	Request proto.Message
	// Header is the client's; nil where expressions see none.
	Header http.Header
	// Now is zero for the time at which an expression asks.
	Now time.Time

	peer, lower map[string]string // as expressions see them, once one has asked
}

// Facts are what expressions see of the call from now on: there is one value for each call. The request is nil where it is not known.
func (c *Call) Facts(request proto.Message, now time.Time) *Facts {
	c.facts.call, c.facts.Request, c.facts.Now = c, request, now
	return &c.facts
}

var _ expr.Activation = (*Facts)(nil)

// Resolve implements expr.Activation.
func (f *Facts) Resolve(name string) (any, bool) {
	switch name {
	case "caller":
		return f.call.Caller.Value(), true
	case "request":
		if f.Request == nil {
			return nil, false
		}
		return f.Request.ProtoReflect().Interface(), true // with all of it read
	case "peer":
		if f.peer == nil {
			f.peer = map[string]string{"ip": f.call.Peer.IP, "listener": f.call.Peer.Listener, "network": f.call.Peer.network()}
		}
		return f.peer, true
	case "rpc":
		return f.call.RPC, true
	case "now":
		if f.Now.IsZero() {
			f.Now = time.Now()
		}
		return f.Now, true
	case "headers":
		if f.lower == nil {
			f.lower = lowerNames(f.Header)
		}
		return f.lower, f.Header != nil
	default:
		return nil, false
	}
}

// lowerNames are headers by their names in lower case, joined as RFC 9110, section 5.2 says.
func lowerNames(header http.Header) map[string]string {
	lower := make(map[string]string, len(header))
	for name, values := range header {
		lower[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return lower
}

// The reasons why a condition cannot be evaluated. They are for logs, so that they quote nothing of what the condition looked at.
var (
	errMissing     = errors.New("it looks at a value that is missing")
	errNoCondition = errors.New("it gives neither true nor false")
	errFailed      = errors.New("it meets a value that it cannot work with")
	errEnded       = errors.New("the time was up")
	errCostly      = errors.New("it costs too much for this request")
)

// holds reports whether a condition is fulfilled. The error says why it cannot be evaluated; then it is not.
func holds(ctx context.Context, condition *expr.Program, facts *Facts) (bool, error) {
	value, outcome, err := condition.Eval(ctx, facts)
	switch {
	case outcome == expr.Missing:
		return false, errMissing
	case outcome == expr.Failed && ctx.Err() != nil:
		return false, errEnded
	case errors.Is(err, expr.ErrCost):
		return false, errCostly
	case outcome == expr.Failed:
		return false, errFailed
	}
	fulfilled, ok := value.Value().(bool)
	if !ok {
		return false, errNoCondition
	}
	return fulfilled, nil
}
