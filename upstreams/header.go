package upstreams

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// reserved are headers that HTTP itself decides on.
var reserved = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Upgrade": true,
	"Te": true, "Trailer": true, "Keep-Alive": true, "Proxy-Connection": true, "Accept-Encoding": true,
}

// fixedHeader is what every request begins with.
func fixedHeader(configured http.Header) (http.Header, error) {
	header := http.Header{"Accept": {"application/json"}, "User-Agent": {"sheaf"}}
	return header, addHeader(header, configured)
}

// addHeader sets headers, each as a whole, and refuses what could change the meaning of the message around it.
func addHeader(header, more http.Header) error {
	for name, values := range more {
		canonical := http.CanonicalHeaderKey(name)
		if reserved[canonical] || !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("set header: %q cannot be set", name)
		}
		if !isSendable(values) {
			return fmt.Errorf("set header: value of %s holds a character that no header can carry", canonical)
		}
		header[canonical] = trimmed(values)
	}
	return nil
}

func isSendable(values []string) bool {
	return !slices.ContainsFunc(values, func(value string) bool { return !httpguts.ValidHeaderFieldValue(value) })
}

// trimmed are values without the space around them, which is no part of them (RFC 9110, section 5.5), nor is it signed.
func trimmed(values []string) []string {
	const space = " \t"
	if !slices.ContainsFunc(values, func(value string) bool { return strings.Trim(value, space) != value }) {
		return slices.Clip(values)
	}
	same := slices.Clone(values)
	for i := range same {
		same[i] = strings.Trim(same[i], space)
	}
	return same
}

// canonical is a header with all names in their canonical form; false if they are already.
func canonical(header http.Header) (http.Header, bool) {
	for name := range header {
		if http.CanonicalHeaderKey(name) != name {
			return renamed(header), true
		}
	}
	return nil, false
}

func renamed(header http.Header) http.Header {
	same := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		key := http.CanonicalHeaderKey(name)
		same[key] = append(same[key], header[name]...)
	}
	return same
}

// hideKeys writes the names by which net/http knows that it may repeat a write in a form that it does not know: what is repeated is
// decided here. Names on the wire have no case.
func hideKeys(header http.Header) {
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := header[name]; ok {
			delete(header, name)
			header[strings.ToLower(name)] = values
		}
	}
}
