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
// sent, only by the one who asked.
func (r Rules) PassOn(request http.Header, response *Response, now time.Time) Passing {
	one := Rules{Private: true, DefaultAge: r.DefaultAge, NegativeAge: r.NegativeAge}
	if !one.MayStore(nil, response) {
		return Passing{}
	}
	all := Rules{DefaultAge: r.DefaultAge, NegativeAge: r.NegativeAge}
	if r.Private || varies(request, response) || !all.MayStore(request, response) {
		return Passing{MaxAge: one.Judge(nil, response, now).Fresh, Private: true}
	}
	return Passing{MaxAge: all.Judge(nil, response, now).Fresh}
}

func varies(request http.Header, response *Response) bool {
	names, _ := response.Vary()
	return slices.ContainsFunc(names, func(name string) bool { return len(request[name]) > 0 })
}

// With is how far something may be kept that is made of two.
func (p Passing) With(other Passing) Passing {
	return Passing{MaxAge: min(p.MaxAge, other.MaxAge), Private: p.Private || other.Private}
}

// CacheControl is the header that says so.
func (p Passing) CacheControl() string {
	kind := "public"
	if p.Private {
		kind = "private"
	}
	if p.MaxAge < time.Second {
		return "no-store"
	}
	return fmt.Sprintf("%s, max-age=%d", kind, int64(p.MaxAge/time.Second))
}
