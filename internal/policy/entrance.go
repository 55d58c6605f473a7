package policy

import (
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/internal/identity"
)

// Entrance is where calls of one listener come in: it finds out who calls before anything of the message is read.
type Entrance struct {
	Chain *identity.Chain
	// PeerOf is where a request comes from.
	PeerOf func(*http.Request) Peer
	// Done is told of each call when it has been answered.
	Done func(*http.Request, *Call)
}

// Handler lets calls of an RPC in that prove who they are; without proof too, if anonymous is set.
func (e *Entrance) Handler(rpc string, anonymous bool, next http.Handler) http.Handler {
	failures := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := &Call{RPC: rpc, Arrived: time.Now(), Peer: e.PeerOf(r), Challenges: e.Chain.Challenges(), Header: w.Header()}
		caller, err := e.Chain.Identify(r.Context(), proofOf(r), anonymous)
		if err != nil {
			call.Decide(Deny, "", err.Error())
			refused := unidentified(err)
			call.Answered(Answer{Code: refused.Code()})
			Challenge(w.Header(), e.Chain.Challenged(err))
			Refuse(failures, w, r, refused)
			e.Done(r, call)
			return
		}
		call.Caller = caller
		defer e.Done(r, call) // also if what serves it panics
		call.told.ResponseWriter = w
		next.ServeHTTP(&call.told, r.WithContext(With(r.Context(), call)))
	})
}

func proofOf(r *http.Request) identity.Proof {
	proof := identity.Proof{Header: r.Header}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		proof.Certificates = r.TLS.VerifiedChains[0]
	}
	return proof
}

// unidentified is what a client is told whose proof does not hold.
func unidentified(err error) *connect.Error {
	if wrong, ok := errors.AsType[*identity.Error](err); ok {
		return failure(connect.CodeUnauthenticated, wrong.Reason, "IDENTITY_INVALID")
	}
	if errors.Is(err, identity.ErrNone) {
		return failure(connect.CodeUnauthenticated, "this RPC needs a proof of who calls", "IDENTITY_MISSING")
	}
	return failure(connect.CodeUnavailable, identity.ErrUnavailable.Error(), "IDENTITY_UNAVAILABLE", retryInfo(retryDelay))
}

// Challenge says what proof is asked for: a 401 has to (RFC 9110, section 15.5.2). Each stands in a line of its own, since not every client
// finds a second one in a line (section 11.6.1).
func Challenge(header http.Header, challenges []string) {
	for _, challenge := range challenges {
		header.Add("WWW-Authenticate", challenge)
	}
}
