package upstreams

import (
	"net/http"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// Request is one call.
type Request struct {
	// Name is the call's name, Template its path with holes unfilled, and Route that behind the method, such as "GET /products/{id}";
	// traces and metrics carry them. Route may be empty.
	Name, Template, Route string
	// Method is an HTTP method in upper case.
	Method string
	// Path is escaped and starts with a slash; it goes out as it is, below the base URL. Query is encoded, without "?".
	Path, Query string
	// Header holds what the call declares; may be nil.
	Header http.Header
	// Body is of the type that Content-Type says; a JSON document without one. It is nil for none.
	Body []byte
	// Account is the id of the account that the call is made for; empty for none.
	Account string
	// Authorization is the caller's own, where the upstream's Credential passes it on or exchanges it; zero for none.
	Authorization secret.Value
	// Timeout bounds the call with its retries, besides ctx; 0 for no further bound.
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

// route is the method and the path with holes unfilled.
func (r *Request) route() string {
	if r.Route != "" {
		return r.Route
	}
	return r.Method + " " + r.Template
}

// isRepeatable reports whether making the request twice does what making it once does.
func (r *Request) isRepeatable() bool { return r.Method == http.MethodGet || r.Repeatable }

// Answer is what a call got. Calls that ask the same may share its header and its body, which are not to be changed.
type Answer struct {
	// Status is 2xx, or one of AbsentOn; any other in an Error.
	Status int
	Header http.Header
	// Body is whole, decompressed and within Config.MaxAnswerBytes; nil if Absent.
	Body []byte
	// Generation counts the renewals of the account's credentials that the call was made with.
	Generation uint64
	Absent     bool
	// Age is how old a kept answer is, and Stale is set if that is older than it should be, for want of a new one or until there
	// is one.
	Age   time.Duration
	Stale bool
	// MaxAge is how long those that the answer is passed on to may keep it, and Private is set if only the one who asked may.
	MaxAge  time.Duration
	Private bool
}
