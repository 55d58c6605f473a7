package bff

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// reached are the RPCs that clients reach.
func (t *policyTests) reached() []*plan.RPC {
	var reached []*plan.RPC
	for _, service := range t.plan.Services {
		if service.Binding == "" {
			reached = append(reached, service.RPCs...)
		}
	}
	return reached
}

func (t *policyTests) rpcOf(test *policyTest) *plan.RPC {
	var known []string
	for _, rpc := range t.reached() {
		if rpc.Name() == test.GetRpc() {
			return rpc
		}
		known = append(known, rpc.Name())
	}
	t.failWith(test, "rpc", diag.DidYouMean("RPCs", test.GetRpc(), known), "no bound RPC is %q", test.GetRpc())
	return nil
}

func (t *policyTests) knowsRule(test *policyTest) bool {
	var known []string
	for _, rule := range t.policy.Rules {
		known = append(known, rule.Name)
	}
	if test.GetRule() == "" || slices.Contains(known, test.GetRule()) {
		return true
	}
	t.failWith(test, "rule", diag.DidYouMean("rules", test.GetRule(), known), "unknown rule %q", test.GetRule())
	return false
}

// callOf is the call that a test makes; nil if something about it is wrong.
func (t *policyTests) callOf(test *policyTest, rpc *plan.RPC) (*policy.Call, *policy.Facts) {
	const exampleIP, listener = "192.0.2.1", "public"
	call := &policy.Call{RPC: rpc.Name(), Peer: policy.Peer{IP: exampleIP, Listener: listener}, Caller: t.callerOf(test)}
	if call.Caller == nil {
		return nil, nil
	}
	if test.GetIp() != "" {
		address, err := netip.ParseAddr(test.GetIp())
		if err != nil {
			t.failWith(test, "ip", "write it as 192.0.2.1", "%q is no IP address", test.GetIp())
			return nil, nil
		}
		call.Peer.IP = address.String()
	}
	now := time.Now()
	if test.GetNow() != "" {
		var err error
		if now, err = time.Parse(time.RFC3339, test.GetNow()); err != nil {
			t.failWith(test, "now", "write it as 2026-01-31T12:00:00Z", "%q is no time", test.GetNow())
			return nil, nil
		}
	}
	request := dynamicpb.NewMessage(rpc.Method.Input())
	if at := test.at.Get("request"); at != nil {
		if err := (protojson.UnmarshalOptions{Resolver: t.types}).Unmarshal(at.JSON(), request); err != nil {
			_, text, _ := strings.Cut(plainJSONError(err), "): ") // behind its place in the JSON, which nobody sees
			t.fail(test, "request", "request is no %s: %s", rpc.Method.Input().FullName(), text)
			return nil, nil
		}
	}
	return call, call.Facts(request, now)
}

func (t *policyTests) callerOf(test *policyTest) *identity.Caller {
	caller := test.GetCaller()
	if caller == nil || caller.GetProvider() == identity.AnonymousProvider {
		return identity.Anonymous()
	}
	var known []string
	for _, provider := range t.policy.Providers {
		known = append(known, provider.Name)
	}
	if !slices.Contains(known, caller.GetProvider()) {
		t.failWith(test, "caller.provider", diag.DidYouMean("providers", caller.GetProvider(), known), "no identity provider is %q", caller.GetProvider())
		return nil
	}
	var claims []byte
	if at := test.at.Get("caller", "claims"); at != nil {
		claims = at.JSON()
	}
	return identity.New(caller.GetProvider(), caller.GetId(), caller.GetIssuer(), caller.GetScopes(), claims)
}
