package policy

import (
	"context"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/identity"
)

// Peer is where a call comes from.
type Peer struct {
	// IP is the client's address, without a port; behind a trusted proxy, the one that the proxy names.
	IP string
	// Listener is the name of the listener that took the call: public or internal.
	Listener string
}

// Facts are what expressions of a policy see of one call.
type Facts struct {
	Caller *identity.Caller
	Peer   Peer
	// RPC is the full name, such as shop.v1.StorefrontService/GetProduct.
	RPC string
	// Request is nil where it is not known.
	Request proto.Message
	// Header is the client's; nil where expressions see none.
	Header http.Header
	Now    time.Time
}

var _ expr.Activation = (*Facts)(nil)

// Resolve implements expr.Activation.
func (f *Facts) Resolve(name string) (any, bool) {
	switch name {
	case "caller":
		return f.Caller.Value(), true
	case "request":
		return f.Request, f.Request != nil
	case "peer":
		return map[string]string{"ip": f.Peer.IP, "listener": f.Peer.Listener}, true
	case "rpc":
		return f.RPC, true
	case "now":
		return f.Now, true
	case "headers":
		return lowerNames(f.Header), f.Header != nil
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

// holds reports whether a condition is fulfilled. The error says why it cannot be evaluated; then it is not.
func holds(ctx context.Context, condition *expr.Program, facts *Facts) (bool, error) {
	value, outcome, err := condition.Eval(ctx, facts)
	if outcome != expr.Found {
		return false, err
	}
	fulfilled, _ := value.Value().(bool)
	return fulfilled, nil
}
