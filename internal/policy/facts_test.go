package policy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// TestPeerNetwork: one customer has a /64 of IPv6 addresses, or more, and one of IPv4.
func TestPeerNetwork(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"192.0.2.7":               "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::/64",
		"2001:db8:1:2::":          "2001:db8:1:2::/64",
		"2001:db8:1:3:3:4:5:6":    "2001:db8:1:3::/64",
		"::1":                     "::/64",
		"@":                       "@", // of a socket that has no address
		"":                        "",
		"not:an:address":          "not:an:address",
		"::ffff:192.0.2.7":        "192.0.2.7",
		"fe80::1":                 "fe80::/64",
		"2001:db8:1:2:3:4:5:6%e0": "2001:db8:1:2::/64",
	} {
		call := &policy.Call{Caller: identity.Anonymous(), Peer: policy.Peer{IP: ip, Listener: "public"}}
		peer, _ := call.Facts(nil, time.Time{}).Resolve("peer")
		got := peer.(map[string]string)
		if got["network"] != want || got["ip"] != ip || got["listener"] != "public" {
			t.Errorf("%q: peer %v, want network %q", ip, got, want)
		}
	}
}

// TestNow: where nobody has said what time it is, the first expression that asks finds out, and others see the same. Another look at the call is
// at another time.
func TestNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		call, arrived := &policy.Call{Caller: identity.Anonymous()}, time.Now()
		facts := call.Facts(nil, time.Time{})
		for _, want := range []time.Duration{time.Second, time.Second} {
			time.Sleep(time.Second)
			if now, _ := facts.Resolve("now"); !arrived.Add(want).Equal(now.(time.Time)) {
				t.Errorf("now is %v, want %v after %v", now, want, arrived)
			}
		}
		facts = call.Facts(nil, time.Time{})
		if now, _ := facts.Resolve("now"); !time.Now().Equal(now.(time.Time)) {
			t.Errorf("later, now is still %v", now)
		}
	})
}
