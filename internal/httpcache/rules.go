package httpcache

import (
	"net/http"
	"time"
)

// Rules say how a cache behaves. The zero Rules are those of a shared cache that adds nothing to what responses say.
type Rules struct {
	// Private is set if all requests are one user's.
	Private bool
	// These hold for responses that do not say so themselves; 0 means not at all. NegativeAge is that of 404 and 410.
	DefaultAge, NegativeAge, StaleWhileRevalidate, StaleIfError time.Duration
}

// heuristic are the statuses that may be kept without a word about freshness (RFC 9110, section 15.1), but for 206.
var heuristic = map[int]bool{
	http.StatusOK: true, http.StatusNonAuthoritativeInfo: true, http.StatusNoContent: true, http.StatusMultipleChoices: true,
	http.StatusMovedPermanently: true, http.StatusPermanentRedirect: true, http.StatusNotFound: true, http.StatusMethodNotAllowed: true,
	http.StatusGone: true, http.StatusRequestURITooLong: true, http.StatusNotImplemented: true,
}

// MayStore reports whether a response to a GET request may be kept (RFC 9111, section 3), and there is a use for it. A response with Set-Cookie
// may be, if it is explicit about that: nobody is shown the cookie but those who ask the same.
func (r Rules) MayStore(request http.Header, response *Response) bool {
	control := ParseControl(response.Header)
	switch {
	case control.NoStore || ParseControl(request).NoStore,
		control.Private && !r.Private,
		response.Status < http.StatusOK || response.Status == http.StatusPartialContent || response.Status == http.StatusNotModified,
		control.MustUnderstand && http.StatusText(response.Status) == "":
		return false
	}
	if _, ok := response.Vary(); !ok {
		return false
	}
	if !r.Private && request.Get("Authorization") != "" && !control.Public && !control.MustRevalidate && control.SMaxAge == nil {
		return false // section 3.5
	}
	_, explicit := response.explicit(control, !r.Private)
	if explicit || control.Public || control.NoCache {
		return explicit || response.hasValidator()
	}
	if !r.Private && response.Header.Get("Set-Cookie") != "" {
		return false
	}
	return heuristic[response.Status] && (r.lifetime(response, control) > 0 || response.hasValidator())
}

// lifetime is how long a response is fresh (section 4.2.1).
func (r Rules) lifetime(response *Response, control Control) time.Duration {
	if explicit, ok := response.explicit(control, !r.Private); ok {
		return explicit
	}
	switch {
	case response.Status == http.StatusNotFound || response.Status == http.StatusGone:
		return r.NegativeAge
	case heuristic[response.Status]:
		return r.DefaultAge
	default:
		return 0
	}
}

// Verdict says what a kept response is good for.
type Verdict struct {
	Age time.Duration
	// Fresh is how long it is fresh from now; 0 or less if it is not.
	Fresh time.Duration
	// Use is set if it may be given at once, and Refresh if a new one should be fetched behind that.
	Use, Refresh bool
	// OnError is set if it may be given when no new one can be had.
	OnError bool
}

// Judge says what a kept response is good for when the same is requested again (sections 4 and 5.2.1; RFC 5861).
func (r Rules) Judge(request http.Header, response *Response, now time.Time) Verdict {
	control, wanted := ParseControl(response.Header), ParseControl(request)
	age := response.Age(now)
	verdict := Verdict{Age: age, Fresh: r.lifetime(response, control) - age}
	if control.NoCache {
		verdict.Fresh = min(verdict.Fresh, 0)
	}
	strict := control.NoCache || control.MustRevalidate || !r.Private && (control.ProxyRevalidate || control.SMaxAge != nil)
	stale := -verdict.Fresh
	verdict.OnError = !strict && !wanted.NoCache && stale < r.staleIfError(control, wanted)
	switch {
	case wanted.NoCache || wanted.NoStore || wanted.MaxAge != nil && age > *wanted.MaxAge:
	case wanted.MinFresh != nil && verdict.Fresh < *wanted.MinFresh:
	case verdict.Fresh > 0:
		verdict.Use = true
	case strict:
	case wanted.MaxStale != nil && stale <= *wanted.MaxStale:
		verdict.Use = true
	case stale < orDefault(control.StaleWhileRevalidate, r.StaleWhileRevalidate):
		verdict.Use, verdict.Refresh = true, true
	}
	return verdict
}

// staleIfError is how long after its end a response may be given for want of a new one; who asks may allow more.
func (r Rules) staleIfError(control, wanted Control) time.Duration {
	return max(orDefault(control.StaleIfError, r.StaleIfError), orDefault(wanted.StaleIfError, 0))
}

func orDefault(value *time.Duration, otherwise time.Duration) time.Duration {
	if value == nil {
		return otherwise
	}
	return *value
}

// Keep is how long a response is worth keeping: while it may be given, and, if it can be validated, for a day.
func (r Rules) Keep(response *Response, now time.Time) time.Duration {
	const day = 24 * time.Hour
	control := ParseControl(response.Header)
	keep := r.lifetime(response, control) - response.Age(now) +
		max(orDefault(control.StaleWhileRevalidate, r.StaleWhileRevalidate), orDefault(control.StaleIfError, r.StaleIfError))
	if response.hasValidator() {
		keep = max(keep, day)
	}
	return keep
}
