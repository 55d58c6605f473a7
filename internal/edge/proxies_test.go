package edge_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/edge"
)

func proxies(blocks ...string) edge.Proxies {
	var all edge.Proxies
	for _, block := range blocks {
		all = append(all, netip.MustParsePrefix(block))
	}
	return all
}

// refused is what TestClient expects of a request that is not let in.
const refused = "refused"

// TestClient: the client is the rightmost address that is no proxy's, and only a proxy's word counts.
func TestClient(t *testing.T) {
	t.Parallel()
	trusted := proxies("10.0.0.0/8", "192.0.2.7/32", "fd00::/8")
	for name, test := range map[string]struct {
		peer, lines string // lines of headers, each with its name, divided by |
		want        string // empty for the peer's own address
	}{
		"no proxy":                        {"198.51.100.9:1", "X-Forwarded-For: 203.0.113.1", ""},
		"no proxy, as IPv6":               {"[::ffff:198.51.100.9]:1", "X-Forwarded-For: 203.0.113.1", ""},
		"a proxy that says nothing":       {"10.1.2.3:1", "", ""},
		"one":                             {"10.1.2.3:1", "X-Forwarded-For: 203.0.113.1", "203.0.113.1"},
		"one, of a mapped proxy":          {"[::ffff:10.1.2.3]:1", "X-Forwarded-For: 203.0.113.1", "203.0.113.1"},
		"forged before":                   {"10.1.2.3:1", "X-Forwarded-For: 127.0.0.1, 203.0.113.1", "203.0.113.1"},
		"forged in a line before":         {"10.1.2.3:1", "X-Forwarded-For: 127.0.0.1|X-Forwarded-For: 203.0.113.1", "203.0.113.1"},
		"garbage before":                  {"10.1.2.3:1", `X-Forwarded-For: "';<, 203.0.113.1`, "203.0.113.1"},
		"several proxies":                 {"10.1.2.3:1", "X-Forwarded-For: 1.1.1.1, 203.0.113.1, 10.9.9.9, 192.0.2.7", "203.0.113.1"},
		"proxies alone":                   {"10.1.2.3:1", "X-Forwarded-For: 10.7.7.7, 10.8.8.8", "10.7.7.7"},
		"a client that has a proxy's":     {"10.1.2.3:1", "X-Forwarded-For: 203.0.113.1, 10.8.8.8", "203.0.113.1"},
		"with a port":                     {"10.1.2.3:1", "X-Forwarded-For: 203.0.113.1:4711", "203.0.113.1"},
		"IPv6":                            {"[fd00::1]:1", "X-Forwarded-For: 2001:db8::1", "2001:db8::1"},
		"IPv6 in brackets":                {"10.1.2.3:1", "X-Forwarded-For: [2001:db8::1]", "2001:db8::1"},
		"IPv6 with a port":                {"10.1.2.3:1", "X-Forwarded-For: [2001:db8::1]:80", "2001:db8::1"},
		"IPv4 within IPv6":                {"10.1.2.3:1", "X-Forwarded-For: ::ffff:203.0.113.1", "203.0.113.1"},
		"a proxy within IPv6":             {"10.1.2.3:1", "X-Forwarded-For: 203.0.113.1, ::ffff:10.8.8.8", "203.0.113.1"},
		"empty elements":                  {"10.1.2.3:1", "X-Forwarded-For: , 203.0.113.1 ,,", "203.0.113.1"},
		"an empty header":                 {"10.1.2.3:1", "X-Forwarded-For: ", ""},
		"a zone":                          {"10.1.2.3:1", "X-Forwarded-For: fe80::1%eth0", refused},
		"IPv4 in brackets":                {"10.1.2.3:1", "X-Forwarded-For: [203.0.113.1]", refused},
		"a name":                          {"10.1.2.3:1", "X-Forwarded-For: unknown", refused},
		"zeros in front":                  {"10.1.2.3:1", "X-Forwarded-For: 010.0.0.1", refused},
		"garbage of a proxy":              {"10.1.2.3:1", "X-Forwarded-For: 203.0.113.1, what?, 10.8.8.8", refused},
		"forwarded":                       {"10.1.2.3:1", "Forwarded: for=203.0.113.1", "203.0.113.1"},
		"forwarded with more":             {"10.1.2.3:1", `Forwarded: proto=https ; For="203.0.113.1:80";host="a,b"`, "203.0.113.1"},
		"forwarded IPv6":                  {"10.1.2.3:1", `Forwarded: for=127.0.0.1, for="[2001:db8::1]:80"`, "2001:db8::1"},
		"forwarded, escaped":              {"10.1.2.3:1", `Forwarded: for="203.0\.113.1"`, "203.0.113.1"},
		"forwarded by several":            {"10.1.2.3:1", "Forwarded: for=1.1.1.1, for=203.0.113.1|Forwarded: for=10.8.8.8", "203.0.113.1"},
		"forwarded, a quote that is open": {"10.1.2.3:1", `Forwarded: for=127.0.0.1;x=", for=203.0.113.1`, refused},
		"forwarded, a quote that closes":  {"10.1.2.3:1", `Forwarded: for=127.0.0.1;x=", for="203.0.113.1"`, refused},
		"forwarded, garbage before":       {"10.1.2.3:1", `Forwarded: "|Forwarded: for=203.0.113.1`, "203.0.113.1"},
		"forwarded without for":           {"10.1.2.3:1", "Forwarded: for=203.0.113.1, by=10.8.8.8", refused},
		"forwarded, hidden":               {"10.1.2.3:1", "Forwarded: for=_hidden", refused},
		"forwarded twice in one":          {"10.1.2.3:1", "Forwarded: for=203.0.113.1;for=127.0.0.1", refused},
		"forwarded, no value":             {"10.1.2.3:1", "Forwarded: for=", refused},
		"forwarded, two without a comma":  {"10.1.2.3:1", "Forwarded: for=203.0.113.1 for=127.0.0.1", refused},
		"both, and they agree":            {"10.1.2.3:1", "Forwarded: for=203.0.113.1|X-Forwarded-For: 203.0.113.1", "203.0.113.1"},
		"both, and one is forged":         {"10.1.2.3:1", "Forwarded: for=127.0.0.1|X-Forwarded-For: 203.0.113.1", refused},
		"no address of the peer":          {"@", "X-Forwarded-For: 203.0.113.1", ""},
	} {
		request := httptest.NewRequest(http.MethodPost, "/", nil)
		request.RemoteAddr = test.peer
		for line := range strings.SplitSeq(test.lines, "|") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				request.Header.Add(name, value)
			}
		}
		client, err := trusted.Client(request)
		got := ""
		switch {
		case err != nil:
			got = refused
		case client.IsValid():
			got = client.String()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// FuzzClient: whatever a client writes, the address is the one that the proxy adds, or the request is refused.
func FuzzClient(f *testing.F) {
	for _, line := range []string{
		"", "127.0.0.1", "10.0.0.1, 10.0.0.2", `for=127.0.0.1;x="`, `for="[::1]:80", for=_a;by=b`, `"`, `\`, `for="\`, ",;,=", "::ffff:10.0.0.1",
	} {
		f.Add(line)
	}
	trusted := proxies("10.0.0.0/8")
	f.Fuzz(func(t *testing.T, clients string) {
		for _, lines := range []http.Header{
			{"X-Forwarded-For": {clients + ", 198.51.100.7"}},
			{"X-Forwarded-For": {clients, "198.51.100.7"}},
			{"X-Forwarded-For": {clients, "198.51.100.7, 10.0.0.2"}},
			{"Forwarded": {clients + ", for=198.51.100.7"}},
			{"Forwarded": {clients + `, for="198.51.100.7:80";proto="https"`}},
			{"Forwarded": {clients, "for=198.51.100.7"}},
			{"Forwarded": {clients}, "X-Forwarded-For": {"198.51.100.7"}},
			{"X-Forwarded-For": {clients}, "Forwarded": {"for=198.51.100.7"}},
		} {
			client, err := trusted.Client(&http.Request{RemoteAddr: "10.0.0.1:1", Header: lines})
			if err == nil && client != netip.MustParseAddr("198.51.100.7") {
				t.Errorf("%q: %s", lines, client)
			}
		}
	})
}
