package aggregate

import (
	"context"
	"net/http"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// Upstream is one REST service, seen from a plan: a call in, an answer out. It must be safe for concurrent use.
//
// Do may keep the call, which must not change. It returns an error of type *Failure, or wrapping one, when there is no answer with
// a status that the call allows. It returns promptly, with ctx's error wrapped, when ctx ends.
type Upstream interface {
	Do(ctx context.Context, call *Request) (*Answer, error)
	// Renew renews the credentials of an account, unless those of a later generation are there already.
	Renew(ctx context.Context, account string, generation uint64) error
}

// Request is a call whose holes are all filled.
type Request struct {
	// Name is the call's name in its binding, Template its path with holes unfilled, and Route that behind the method:
	// low-cardinality names for traces and metrics.
	Name, Template, Route string
	// Method is an HTTP method in upper case.
	Method string
	// Path is escaped and starts with a slash; it is below the upstream's base URL. Query is encoded, without "?".
	Path, Query string
	// Header holds only what the call declares; may be nil.
	Header http.Header
	// Body is of the type that Content-Type says; a JSON document without one. It is nil for none.
	Body []byte
	// Account is the id of the account that the call is made for; empty for none.
	Account string
	// Authorization is the client's own, for an upstream whose credentials pass it on or exchange it; zero for none.
	Authorization secret.Value
	// Timeout bounds the call besides ctx; 0 means only the upstream's own timeout does.
	Timeout time.Duration
	// Repeatable is set if the upstream takes the request twice as once. A GET is repeatable anyway.
	Repeatable bool
	// AbsentOn lists the statuses that mean "there is none".
	AbsentOn []int
	// Judge says what an answer means by what it says, whatever its status: whether the upstream is not well, and whether the same
	// call may succeed later; known is false if only the status tells. It is called concurrently, and may be after the call has
	// ended. It is nil for never.
	Judge func(status int, header http.Header, body []byte) (unwell, mayPass, known bool)
	// Hold gets what gives back the room that a large body takes, to be called when what is needed of the body has been found; whoever
	// holds some makes no other request meanwhile. It is called concurrently, and may be after the call has ended. If it is nil, the
	// room is given back when the body has been read.
	Hold interface{ Keep(leave func()) }
}

// Answer is what a call got.
type Answer struct {
	// Status is 2xx, or one of the request's AbsentOn; any other in a Failure.
	Status int
	// Header is the answer's header; not to be changed.
	Header http.Header
	// Body is the whole body, decompressed and within the upstream's bounds; not to be changed.
	Body []byte
	// Generation counts the renewals of the account's credentials that the call was made with.
	Generation uint64
	// Absent is set when Status is one of the request's AbsentOn; Body then means nothing.
	Absent bool
	// Age is how old an answer is that had been kept, and Stale is set if that is older than it should be.
	Age   time.Duration
	Stale bool
	// MaxAge is how long a response with parts of the answer may be kept, and Private is set if only the client itself may.
	MaxAge  time.Duration
	Private bool
}
