package policy

import (
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/internal/identity"
)

// Entrance is where calls of one listener come in: it finds out who calls before anything of the message is read.
type Entrance struct {
	Chain *identity.Chain
	// PeerOf is where a request comes from.
	PeerOf func(*http.Request) Peer
	// Done is told of each call when it has been answered, with the error that it was refused with here; nil for none.
	Done func(*http.Request, *Call, error)
}

// Handler lets calls of an RPC in that prove who they are; without proof too, if anonymous is set.
func (e *Entrance) Handler(rpc string, anonymous bool, next http.Handler) http.Handler {
	failures := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := &Call{RPC: rpc, Arrived: time.Now(), Peer: e.PeerOf(r), Code: connect.CodeInvalidArgument}
		caller, err := e.Chain.Identify(r.Context(), proofOf(r), anonymous)
		if err != nil {
			told := unidentified(err)
			call.Decide("deny", "", err.Error())
			call.Code = told.Code()
			refuse(failures, w, r, told)
			e.Done(r, call, err)
			return
		}
		call.Caller = caller
		next.ServeHTTP(w, r.WithContext(With(r.Context(), call)))
		e.Done(r, call, nil)
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
	return failure(connect.CodeUnavailable, identity.ErrUnavailable.Error(), "IDENTITY_UNAVAILABLE")
}

// failure is an error with a reason for programs (AIP-193), and further details.
func failure(code connect.Code, text, reason string, details ...proto.Message) *connect.Error {
	told := connect.NewError(code, errors.New(text))
	for _, message := range append([]proto.Message{&errdetails.ErrorInfo{Reason: reason, Domain: "sheaf"}}, details...) {
		if detail, err := connect.NewErrorDetail(message); err == nil { // only messages that are not well formed cannot be details
			told.AddDetail(detail)
		}
	}
	return told
}

// refuse answers a request in its own protocol, without reading its message.
func refuse(failures *connect.ErrorWriter, w http.ResponseWriter, r *http.Request, told *connect.Error) {
	if told.Code() == connect.CodeUnauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if !failures.IsSupported(r) {
		http.Error(w, told.Message(), http.StatusUnauthorized)
		return
	}
	_ = failures.Write(w, r, told) // the client has gone
}
