package edge

import "net/http"

// every answer has these headers. It is data of programs, so no browser may show it as a page, or take it for another kind of data;
// a page of another origin may only read it through CORS, which is not subject to the resource policy (Fetch, section 3.7).
//
//nolint:gochecknoglobals // a table
var every = [...]struct {
	name   string
	values []string
}{
	{"X-Content-Type-Options", []string{"nosniff"}},
	{"Referrer-Policy", []string{"no-referrer"}},
	{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}},
	{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
}

var (
	noStore = []string{"no-store"}
	aYear   = []string{"max-age=31536000"}
)

func setHeaders(header http.Header, r *http.Request) {
	for i := range every {
		header[every[i].name] = every[i].values
	}
	if r.TLS != nil {
		header["Strict-Transport-Security"] = aYear // RFC 6797: not over clear text
	}
	if r.Method != http.MethodGet { // how far the answer to a GET may be kept is the RPC's to say
		header["Cache-Control"] = noStore
	}
}
