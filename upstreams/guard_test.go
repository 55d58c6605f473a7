package upstreams_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/upstreams"
)

// notPublic are spellings of addresses that no public upstream has. The parser, the resolver or the guard refuses each.
var notPublic = strings.Fields(`
	127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.254 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0x7f.1 0177.0.0.1 017700000001 0 0.0.0.0 0.1.2.3
	localhost LOCALHOST localhost. 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255 169.254.169.254 169.254.0.1
	169.254.170.2 100.64.0.1 100.127.255.254 100.100.100.200 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.1
	203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.254.43518
	[::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:169.254.169.254] [::ffff:10.0.0.1] [::127.0.0.1] [::ffff:0:127.0.0.1]
	[64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::a00:1] [2002:7f00:1::] [2002:a9fe:a9fe::1] [2002:c0a8:101::1] [2001::1] [2001:0:4136:e378::]
	[2001:10::1] [2001:20::1] [2001:db8::1] [3fff::1] [fc00::1] [fd00:ec2::254] [fe80::1] [fe80::1%25lo] [fec0::1] [ff02::1] [100::1] [5f00::1] [4000::1]
`)

// TestNotPublic: no spelling of an address that is not public is connected to. Nothing of the call leaves: the guard refuses
// before a connection is made.
func TestNotPublic(t *testing.T) {
	t.Parallel()
	const least = 60
	if len(notPublic) < least {
		t.Fatalf("%d spellings, want at least %d", len(notPublic), least)
	}
	for _, host := range notPublic {
		client, err := upstreams.New(upstreams.Config{Name: "things", BaseURL: "http://" + host + ":9", Resolver: noResolver})
		if err != nil {
			continue // the address is refused as it stands
		}
		_, err = client.Do(t.Context(), &upstreams.Request{Name: "get", Method: http.MethodGet, Path: "/"})
		failure, ok := errors.AsType[*upstreams.Error](err)
		if !ok || !failure.Unsent {
			t.Errorf("%s: %v, want a refusal before anything is sent", host, err)
		} else if _, isAddress := netip.ParseAddr(strings.Trim(strings.ReplaceAll(host, "%25", "%"), "[]")); isAddress == nil && failure.Kind != upstreams.KindAddress {
			t.Errorf("%s: %v, want it refused for its address", host, err)
		}
		client.Close()
	}
}

// noResolver answers no question, so that a test asks nobody; names that the hosts file knows resolve all the same.
var noResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("the test has no resolver")
}}

// TestPublicAddresses: what is public passes the guard; another error ends the call, since the context has ended before it.
func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "192.169.0.1", "198.20.0.1", "[2606:4700::1111]", "[64:ff9b::101:101]", "[2002:101:101::1]"} {
		if refused := upstreams.Special(netip.MustParseAddr(strings.Trim(host, "[]"))); refused != "" {
			t.Errorf("%s is %s, want it public", host, refused)
		}
	}
}

// TestPrivate: an upstream that says so may be anywhere.
func TestPrivate(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 2)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} }))
	defer server.Close()
	for _, private := range []bool{false, true} {
		client, err := upstreams.New(upstreams.Config{Name: "things", BaseURL: server.URL, Private: private})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		_, err = client.Do(t.Context(), &upstreams.Request{Name: "get", Method: http.MethodGet, Path: "/"})
		if failure, ok := errors.AsType[*upstreams.Error](err); private != (err == nil) || !private && (!ok || failure.Kind != upstreams.KindAddress) {
			t.Errorf("private %v: %v", private, err)
		}
	}
	if len(asked) != 1 {
		t.Errorf("the upstream was asked %d times, want once", len(asked))
	}
	if address, err := url.Parse(server.URL); err != nil || !netip.MustParseAddrPort(address.Host).Addr().IsLoopback() {
		t.Errorf("the test is not on loopback: %v", err)
	}
}
