package edge

import (
	"maps"
	"net/http"
)

// every answer has these headers. It is data of programs, so no browser may show it as a page, or take it for another kind of data;
// a page of another origin may only read it through CORS, which is not subject to the resource policy (Fetch, section 3.7).
//
//nolint:gochecknoglobals // a table
var every = http.Header{
	"X-Content-Type-Options":       {"nosniff"},
	"Referrer-Policy":              {"no-referrer"},
	"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
}

var (
	noStore = []string{"no-store"}
	aYear   = []string{"max-age=31536000"}
)

func setHeaders(header http.Header, r *http.Request) {
	maps.Copy(header, every)
	if r.TLS != nil {
		header["Strict-Transport-Security"] = aYear // RFC 6797: not over clear text
	}
	if r.Method != http.MethodGet { // how far the answer to a GET may be kept is the RPC's to say
		header["Cache-Control"] = noStore
	}
}
