// Package httpcache is for the rules of HTTP caching (RFC 9111): what may be kept, how long it is fresh, and how it is
// validated. It keeps and sends nothing, and reads no clock; package upstreams has the cache that follows these rules.
package httpcache

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Response is a response to a GET request.
type Response struct {
	Status int         `json:"status"`
	Header http.Header `json:"header"`
	// RequestedAt and ReceivedAt are when the request was sent, and its response came.
	RequestedAt time.Time `json:"requested_at"`
	ReceivedAt  time.Time `json:"received_at"`
}

// Age is how old a response is (RFC 9111, section 4.2.3), at least 0. One whose Age cannot be read, and one that is from the future since the clock
// has been set back, is older than any lifetime.
func (r *Response) Age(now time.Time) time.Duration {
	resident := now.Sub(r.ReceivedAt)
	said, ok := r.saidAge()
	if !ok || resident < 0 {
		return forever
	}
	apparent := time.Duration(0)
	if date, ok := r.date(); ok {
		apparent = max(0, r.ReceivedAt.Sub(date))
	}
	delay := max(0, r.ReceivedAt.Sub(r.RequestedAt))
	return min(max(apparent, said+delay)+resident, forever)
}

// saidAge is what the header Age says; false if that cannot be read, or says several things.
func (r *Response) saidAge() (time.Duration, bool) {
	switch lines := r.Header.Values("Age"); len(lines) {
	case 0:
		return 0, true
	case 1:
		return deltaSeconds(strings.TrimSpace(lines[0]))
	default:
		return 0, false
	}
}

func (r *Response) date() (time.Time, bool) {
	date, err := http.ParseTime(r.Header.Get("Date"))
	return date, err == nil
}

// explicit is how long the response says that it is fresh (section 4.2.1); false if it says nothing.
func (r *Response) explicit(control Control, shared bool) (time.Duration, bool) {
	if shared && control.SMaxAge != nil {
		return *control.SMaxAge, true
	}
	if control.MaxAge != nil {
		return *control.MaxAge, true
	}
	lines := r.Header.Values("Expires")
	if len(lines) == 0 {
		return 0, false
	}
	expires, err := http.ParseTime(lines[0])
	if err != nil || len(lines) > 1 {
		return 0, true // "0" is a way to say that it has expired (section 5.3)
	}
	date, ok := r.date()
	if !ok {
		date = r.ReceivedAt
	}
	return min(max(0, expires.Sub(date)), forever), true
}

// hasValidator reports whether the response can be validated.
func (r *Response) hasValidator() bool {
	return r.Header.Get("ETag") != "" || r.Header.Get("Last-Modified") != ""
}

// Conditions are the header of a request that asks whether the response is still good (section 4.3.1); empty if it cannot be
// asked.
func (r *Response) Conditions() http.Header {
	conditions := http.Header{}
	if tag := r.Header.Get("ETag"); tag != "" {
		conditions.Set("If-None-Match", tag)
	}
	if modified := r.Header.Get("Last-Modified"); modified != "" {
		conditions.Set("If-Modified-Since", modified)
	}
	return conditions
}

// Freshened is the response after a 304 with this header (section 3.2). The response itself stays as it is.
func (r *Response) Freshened(header http.Header, requestedAt, receivedAt time.Time) *Response {
	fresh := &Response{Status: r.Status, Header: r.Header.Clone(), RequestedAt: requestedAt, ReceivedAt: receivedAt}
	fresh.Header.Del("Age") // of the response as it was
	for name, values := range Storable(header) {
		if !ofContent[name] {
			fresh.Header[name] = values
		}
	}
	return fresh
}

// ofContent are fields of the body at hand, which a 304 does not bring; its ETag is that of the body at hand, or useless.
var ofContent = map[string]bool{"Content-Encoding": true, "Content-Length": true, "Content-Md5": true, "Content-Range": true, "Etag": true}

// hopByHop are fields of one connection (section 3.1).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// Storable is a header without the fields of one connection. The values are shared.
func Storable(header http.Header) http.Header {
	kept := http.Header{}
	listed := listed(header, "Connection")
	for name, values := range header {
		if !slices.Contains(hopByHop, name) && !slices.Contains(listed, name) {
			kept[name] = values
		}
	}
	return kept
}

// listed are the names in a header that is a list of such, canonical and sorted.
func listed(header http.Header, name string) []string {
	var names []string
	for _, line := range header.Values(name) {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.Trim(one, " \t"); one != "" {
				names = append(names, http.CanonicalHeaderKey(one))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Vary are the names of the request's header fields that the response depends on (section 4.1), sorted; false if it depends on
// more than that.
func (r *Response) Vary() (names []string, ok bool) {
	names = listed(r.Header, "Vary")
	return names, !slices.Contains(names, "*")
}
