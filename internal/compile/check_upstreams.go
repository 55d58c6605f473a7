package compile

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/source"
)

// checkUpstreams refuses addresses and headers that no client could be made for, so that check finds what serve would.
func (d *draft) checkUpstreams() {
	upstreams := d.project.ConfigFile.Root.Get("upstreams")
	if upstreams == nil {
		return
	}
	for _, upstream := range upstreams.Fields {
		address := upstream.Value.Get("base_url")
		if message, hint := wrongAddress(address.Text); message != "" {
			d.report(address, hint, "base_url of %s %s", upstream.Key, message)
		}
		d.checkTransport(upstream.Value)
		d.checkAnswerBytes(upstream.Value)
		d.checkHeaderNames(upstream.Value.Get("headers"))
		d.checkCredentials(upstream.Key, upstream.Value.Get("credentials"))
		d.checkCacheStore(upstream.Value.Get("cache"))
		d.checkIgnoredHeaders(upstream.Value.Get("cache", "ignore_headers"))
	}
}

// checkAnswerBytes refuses a bound for all answers that are read that one of them may exceed.
func (d *draft) checkAnswerBytes(upstream *source.Node) {
	all, one := upstream.Get("concurrency", "answer_bytes"), upstream.Get("max_answer_bytes")
	if all == nil {
		return
	}
	largest, size := int64(1<<20), "1MiB" // what upstreams takes if nothing is said
	if one != nil {
		size = one.Text
		largest, _ = parseSize(size) // the vocabulary's rules report what is no size
	}
	if together, err := parseSize(all.Text); err == nil && together > 0 && together < largest {
		d.report(all, "write a multiple of it, such as 64MiB", "answer_bytes is less than max_answer_bytes (%s), which one answer may have", size)
	}
}

// checkIgnoredHeaders refuses to give what is one caller's to others.
func (d *draft) checkIgnoredHeaders(names *source.Node) {
	if names == nil {
		return
	}
	for _, name := range names.Items {
		switch {
		case strings.EqualFold(name.Text, "Authorization") || strings.EqualFold(name.Text, "Cookie"):
			d.report(name, "remove it", "header %q says who asks, so answers depend on it", name.Text)
		case !isToken(name.Text):
			d.report(name, "use letters, digits and dashes", "%q is no header name", name.Text)
		}
	}
}

// wrongAddress says what is wrong with a base URL, and what to do. One with a hole is checked where the hole is filled.
func wrongAddress(text string) (message, hint string) {
	const example = "write it as https://api.example.com/v2"
	if isOpen(text) {
		return "", ""
	}
	address, err := url.Parse(text)
	switch {
	case err != nil:
		return "is no URL", example
	case address.Scheme != "http" && address.Scheme != "https":
		return "does not begin with http:// or https://", example
	case address.Host == "":
		return "has no host", example
	case address.User != nil:
		return "holds a user or a password", "declare it under credentials"
	case address.RawQuery != "" || address.Fragment != "":
		return "holds a query or a fragment", "declare parameters under query: of each call"
	default:
		return "", ""
	}
}

// checkHeaderNames refuses headers that HTTP or Sheaf itself decides on.
func (d *draft) checkHeaderNames(headers *source.Node) {
	if headers == nil {
		return
	}
	seen := map[string]string{}
	for _, field := range headers.Fields {
		lower := strings.ToLower(field.Key)
		switch hint, refused := unsendable[lower]; {
		case refused:
			d.reportKey(field, hint, "header %q cannot be set", field.Key)
		case !isToken(field.Key):
			d.reportKey(field, "use letters, digits and dashes", "%q is no header name", field.Key)
		case seen[lower] != "":
			d.reportKey(field, "keep one of them", "header %q is already set as %q", field.Key, seen[lower])
		}
		seen[lower] = field.Key
	}
}

// isProtocolHeader reports whether a header of a response is HTTP's, Connect's, gRPC's or Sheaf's own to set.
func isProtocolHeader(name string) bool {
	lower := strings.ToLower(name)
	return slices.Contains([]string{"content-type", "content-encoding", "date", "server", "sheaf-partial"}, lower) ||
		strings.HasPrefix(lower, "grpc-") || strings.HasPrefix(lower, "connect-") || strings.HasPrefix(lower, "trailer-")
}

// unsendable are headers that HTTP or Sheaf itself decides on, and what to do instead.
var unsendable = map[string]string{
	"authorization":     "declare it under credentials of the upstream, in sheaf.yaml",
	"host":              "the upstream's base_url decides it",
	"accept-encoding":   "the client decides it",
	"content-length":    "it follows from the body",
	"transfer-encoding": "it follows from the body",
	"connection":        "it belongs to the connection, not to the call",
	"upgrade":           "it belongs to the connection, not to the call",
	"te":                "it belongs to the connection, not to the call",
	"trailer":           "it belongs to the connection, not to the call",
	"keep-alive":        "it belongs to the connection, not to the call",
	"proxy-connection":  "it belongs to the connection, not to the call",
}

// isToken reports whether text is a token of RFC 9110, section 5.6.2.
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		alphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return text != ""
}
