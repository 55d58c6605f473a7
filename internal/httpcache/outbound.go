package httpcache

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Passing says how far a response may be kept by those that it is passed on to.
type Passing struct {
	// MaxAge is for how long; less than a second means not at all.
	MaxAge time.Duration
	// Private is set if only for the one who asked.
	Private bool
}

// PassOn says how far the response may be kept by those that it is passed on to, in whole or in part. Where it depends on what was
// sent, only by the one who asked. There is one time for all of them: the shorter of that of shared caches and that of others.
func (r Rules) PassOn(request http.Header, response *Response, now time.Time) Passing {
	if !r.mayBeFresh(response) {
		return Passing{}
	}
	one := Rules{Private: true, DefaultAge: r.DefaultAge, NegativeAge: r.NegativeAge}
	if !one.MayStore(nil, response) {
		return Passing{}
	}
	all := Rules{DefaultAge: r.DefaultAge, NegativeAge: r.NegativeAge}
	passing := Passing{MaxAge: one.Judge(nil, response, now).Fresh}
	if r.Private || varies(request, response) || !all.MayStore(request, response) || response.Header.Get("Set-Cookie") != "" {
		passing.Private = true
		return passing
	}
	passing.MaxAge = min(passing.MaxAge, all.Judge(nil, response, now).Fresh)
	return passing
}

// mayBeFresh is false of most responses: they do not say how long they are fresh, nor does anybody else.
func (r Rules) mayBeFresh(response *Response) bool {
	return r.DefaultAge > 0 || r.NegativeAge > 0 || len(response.Header["Cache-Control"]) > 0 || len(response.Header["Expires"]) > 0
}

func varies(request http.Header, response *Response) bool {
	names, _ := response.Vary()
	return slices.ContainsFunc(names, func(name string) bool { return len(request[name]) > 0 })
}

// With is how far something may be kept that is made of two.
func (p Passing) With(other Passing) Passing {
	return Passing{MaxAge: min(p.MaxAge, other.MaxAge), Private: p.Private || other.Private}
}

// CacheControl is the header that says so. It never says "public": where callers are checked in front of Sheaf, that would let shared
// caches keep what was answered to one with Authorization (RFC 9111, section 3.5).
func (p Passing) CacheControl() string {
	if p.MaxAge < time.Second {
		return "no-store"
	}
	text := fmt.Sprintf("max-age=%d", int64(p.MaxAge/time.Second))
	if p.Private {
		return "private, " + text
	}
	return text
}
