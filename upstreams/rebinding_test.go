package upstreams_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sheaf-rpc/sheaf/upstreams"
)

// zone answers the number of a question for addresses, which begins with 0, with a TTL of 0.
type zone func(number int, kind dnsmessage.Type) []dnsmessage.ResourceBody

// resolve starts a DNS server on loopback, and returns a resolver that asks it alone.
func resolve(t *testing.T, answers zone) *net.Resolver {
	t.Helper()
	socket, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		buffer := make([]byte, 512)
		asked := map[dnsmessage.Type]int{}
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var message dnsmessage.Message
			if message.Unpack(buffer[:n]) != nil || len(message.Questions) != 1 {
				continue
			}
			question := message.Questions[0]
			reply := dnsmessage.Message{
				Header:    dnsmessage.Header{ID: message.ID, Response: true, RecursionDesired: true, RecursionAvailable: true},
				Questions: message.Questions,
			}
			name := question.Name
			for _, body := range answers(asked[question.Type], question.Type) {
				reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}, Body: body})
				if alias, ok := body.(*dnsmessage.CNAMEResource); ok {
					name = alias.CNAME
				}
			}
			asked[question.Type]++
			if packed, err := reply.Pack(); err == nil {
				_, _ = socket.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		connection, err := new(net.Dialer).DialContext(ctx, "udp", socket.LocalAddr().String())
		if err == nil {
			t.Cleanup(func() { _ = connection.Close() }) // a question outlives its call by seconds
		}
		return connection, err
	}}
}

// addresses are records of those of the texts that are of the kind, or aliases.
func addresses(kind dnsmessage.Type, texts ...string) []dnsmessage.ResourceBody {
	var records []dnsmessage.ResourceBody
	for _, text := range texts {
		address, err := netip.ParseAddr(text)
		switch {
		case err != nil:
			records = append(records, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(text)})
		case address.Is4() && kind == dnsmessage.TypeA:
			records = append(records, &dnsmessage.AResource{A: address.As4()})
		case address.Is6() && kind == dnsmessage.TypeAAAA:
			records = append(records, &dnsmessage.AAAAResource{AAAA: address.As16()})
		}
	}
	return records
}

// listenBoth listens on both loopbacks at one port, or on one if the machine has but one, and counts connections.
func listenBoth(t *testing.T) (port string, connections *atomic.Int64) {
	t.Helper()
	connections = &atomic.Int64{}
	address := listen(t, func(net.Conn) { connections.Add(1) })
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	if listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "[::1]:"+port); err == nil {
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				connections.Add(1)
				_ = connection.Close()
			}
		}()
	}
	return port, connections
}

// discard is an address of the block that routers throw away (RFC 6666), which is not public; a name cannot make us ask there either.
const discard = "100::1"

// TestRebinding: whatever DNS answers, and however that changes, no connection is made to where the upstream may not be.
func TestRebinding(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]zone{
		"loopback":      func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody { return addresses(kind, "127.0.0.1") },
		"loopback IPv6": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody { return addresses(kind, "::1") },
		"both loopbacks": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody {
			return addresses(kind, "127.0.0.1", "::1")
		},
		"metadata": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody { return addresses(kind, "169.254.169.254") },
		"IPv4-mapped": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody {
			return addresses(kind, "::ffff:127.0.0.1")
		},
		"NAT64":       func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody { return addresses(kind, "64:ff9b::7f00:1") },
		"6to4":        func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody { return addresses(kind, "2002:7f00:1::") },
		"unspecified": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody { return addresses(kind, "0.0.0.0", "::") },
		"alias of localhost": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody {
			return addresses(kind, "localhost.", "127.0.0.1")
		},
		"chain of aliases": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody {
			return addresses(kind, "a.test.", "b.test.", "localhost.", "127.0.0.1", "::1")
		},
		"many, all private": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody {
			return addresses(kind, "10.0.0.1", "192.168.0.1", "172.16.0.1", "fd00::1", "127.0.0.1")
		},
		"private and discard": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody {
			return addresses(kind, discard, "127.0.0.1", "::1")
		},
		"another each time": func(number int, kind dnsmessage.Type) []dnsmessage.ResourceBody {
			return addresses(kind, []string{"0.0.0.0", "127.0.0.1", "169.254.169.254", "10.0.0.1"}[number%4])
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port, connections := listenBoth(t)
			client, err := upstreams.New(upstreams.Config{Name: "things", BaseURL: "http://things.test:" + port, Resolver: resolve(t, answers), Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			for range 4 {
				_, err = client.Do(t.Context(), get("/"))
				if failure, ok := errors.AsType[*upstreams.Error](err); !ok || failure.Kind != upstreams.KindAddress || !failure.Unsent || failure.Retryable() {
					t.Errorf("error = %v", err)
				}
			}
			if connections.Load() != 0 {
				t.Errorf("%d connections", connections.Load())
			}
		})
	}
}

// TestMixedAnswers: public and private addresses in one answer, and a public answer that is followed by a private one. Public ones may be
// tried, and lead nowhere in a test; the private ones never are.
func TestMixedAnswers(t *testing.T) {
	t.Parallel()
	const public, public6 = "1.1.1.1", "2606:4700:4700::1111"
	for name, answers := range map[string]zone{
		"public first": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody {
			return addresses(kind, public, "127.0.0.1")
		},
		"private first": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody {
			return addresses(kind, "127.0.0.1", public)
		},
		"A public, AAAA not": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody { return addresses(kind, public, "::1") },
		"AAAA public, A not": func(_ int, kind dnsmessage.Type) []dnsmessage.ResourceBody {
			return addresses(kind, "127.0.0.1", public6)
		},
		"then private": func(number int, kind dnsmessage.Type) []dnsmessage.ResourceBody {
			return addresses(kind, []string{public, "127.0.0.1"}[min(number, 1)])
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port, connections := listenBoth(t)
			var dialed atomic.Int64
			client, err := upstreams.New(upstreams.Config{Name: "things", BaseURL: "http://things.test:" + port, Resolver: resolve(t, answers), Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			upstreams.OnDial(client, func(address netip.Addr) error {
				dialed.Add(1)
				if upstreams.Special(address) != "" {
					t.Errorf("%s is dialed", address)
				}
				return errTestDial // no packet of a test leaves the machine
			})
			for range 3 {
				if _, err = client.Do(t.Context(), get("/")); err == nil {
					t.Error("the call succeeded")
				}
			}
			if connections.Load() != 0 || dialed.Load() == 0 {
				t.Errorf("%d connections, %d dials to public addresses", connections.Load(), dialed.Load())
			}
		})
	}
}

var errTestDial = errors.New("tests dial nothing public")

// TestSlowDNS: a resolver that does not answer costs the call its timeout, and nothing was sent.
func TestSlowDNS(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	defer close(ended)
	client, err := upstreams.New(upstreams.Config{
		Name: "things", BaseURL: "http://things.test", Timeout: 100 * time.Millisecond,
		Resolver: resolve(t, func(int, dnsmessage.Type) []dnsmessage.ResourceBody { <-ended; return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Do(t.Context(), get("/"))
	if failure, ok := errors.AsType[*upstreams.Error](err); !ok || failure.Kind != upstreams.KindTimeout || !failure.Unsent {
		t.Errorf("error = %v", err)
	}
}

// TestPrivateRedirect: a redirect is an answer, and is not followed.
func TestPrivateRedirect(t *testing.T) {
	t.Parallel()
	port, connections := listenBoth(t)
	for _, location := range []string{"http://127.0.0.1:" + port, "//127.0.0.1:" + port + "/", "http://x@127.0.0.1:" + port, "\\\\127.0.0.1:" + port} {
		for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			client := open(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", location)
				w.Header().Set("Refresh", "0; url="+location)
				w.WriteHeader(status)
			}, nil)
			if _, err := client.Do(t.Context(), get("/")); kind(err) != upstreams.KindBadAnswer {
				t.Errorf("%d to %s: %v", status, location, err)
			}
		}
	}
	if connections.Load() != 0 {
		t.Errorf("%d connections", connections.Load())
	}
}

// TestAuthority: neither a base URL with a user, nor a path that looks like one, leads to another host.
func TestAuthority(t *testing.T) {
	t.Parallel()
	port, connections := listenBoth(t)
	other := "127.0.0.1:" + port
	for _, base := range []string{"http://api.test@" + other, "http://api.test:80@" + other, "http://api.test#@" + other + "/?", "http://" + other + "\\@api.test", "http://api.test?@" + other} {
		if client, err := upstreams.New(upstreams.Config{Name: "things", BaseURL: base, Private: true}); err == nil {
			client.Close()
			t.Errorf("%s is taken", base)
		}
	}
	var hosts []string
	client := open(t, func(w http.ResponseWriter, r *http.Request) {
		hosts = append(hosts, r.Host)
		_, _ = w.Write([]byte("{}"))
	}, func(config *upstreams.Config) { config.BaseURL = strings.TrimSuffix(config.BaseURL, "/base") })
	paths := []string{"//" + other, "/@" + other, "/\\\\" + other, "/\\" + other + "/", "/..//" + other, "@" + other, "\\" + other, ":1@" + other, "." + other, "http://" + other + "/"}
	for _, path := range paths {
		_, _ = client.Do(t.Context(), get(path))
	}
	for _, host := range hosts {
		if host != hosts[0] || host == other {
			t.Errorf("hosts = %q", hosts)
		}
	}
	if connections.Load() != 0 {
		t.Errorf("%d connections", connections.Load())
	}
	t.Logf("%d of %d paths reached the declared host", len(hosts), len(paths))
}
