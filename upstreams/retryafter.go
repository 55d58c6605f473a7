package upstreams

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// maxRetryAfter bounds what an upstream may ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3): seconds, or a date. 0 means that there is none. A date is
// by the upstream's clock, so it is compared to the answer's own Date, and to now only if there is none.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	var wait time.Duration
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err == nil || errors.Is(err, strconv.ErrRange) { // then it is the largest
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(text); err == nil {
		if said, err := http.ParseTime(header.Get("Date")); err == nil {
			now = said
		}
		wait = date.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
