package bff_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"connectrpc.com/connect"

	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
	"github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1/adminv1connect"
)

// serveAdmin serves the admin API of a house until the test ends.
func serveAdmin(t *testing.T, h *house) adminv1connect.AdminServiceClient {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.server.ServeAdmin(ctx, listener) }()
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve admin: %v", err)
		}
	})
	return adminv1connect.NewAdminServiceClient(&http.Client{Transport: transport}, "http://"+listener.Addr().String())
}

func as[T any](message *T, token string) *connect.Request[T] {
	request := connect.NewRequest(message)
	if token != "" {
		request.Header().Set("Authorization", token)
	}
	return request
}

// TestAdmin reloads and asks for the status; what is wrong with the files comes as a detail.
func TestAdmin(t *testing.T) {
	t.Parallel()
	const token = "Bearer first"
	g := newGreeter(t)
	g.write(t, "token", "first")
	g.write(t, "sheaf.yaml", "admin: {listen: 127.0.0.1:0, token: {file: token}}\n"+g.read(t, "sheaf.yaml"))
	h := serve(t, g.dir)
	client := serveAdmin(t, h)
	ctx := withDeadline(t)
	status := func() *adminv1.GetStatusResponse {
		response, err := client.GetStatus(ctx, as(&adminv1.GetStatusRequest{}, token))
		if err != nil {
			t.Fatal(err)
		}
		return response.Msg
	}
	before := status()
	if before.GetPlanDigest() == "" || before.GetRpcs() != 1 || before.GetReloadFailure() != nil || len(before.GetUpstreams()) != 1 ||
		before.GetUpstreams()[0].GetName() != "people" || before.GetUpstreams()[0].GetBreaker() != adminv1.BreakerState_BREAKER_STATE_CLOSED {
		t.Errorf("status = %v", before)
	}

	g.change(t, "bindings/greet.yaml", "{text:", "{txt:")
	_, err := client.Reload(ctx, as(&adminv1.ReloadRequest{}, token))
	checkProblems(t, err)
	if failure := status().GetReloadFailure(); len(failure.GetProblems()) == 0 || failure.GetTime() == nil || failure.GetMessage() == "" {
		t.Errorf("failure = %v", failure)
	}

	g.change(t, "bindings/greet.yaml", "{txt: person.old}", "{text: person.new}")
	reloaded, err := client.Reload(ctx, as(&adminv1.ReloadRequest{}, token))
	if err != nil {
		t.Fatal(err)
	}
	after := status()
	if reloaded.Msg.GetPreviousPlanDigest() != before.GetPlanDigest() || reloaded.Msg.GetPlanDigest() == before.GetPlanDigest() ||
		after.GetPlanDigest() != reloaded.Msg.GetPlanDigest() || after.GetReloadFailure() != nil || reloaded.Msg.GetRpcs() != 1 {
		t.Errorf("reloaded = %v, status = %v", reloaded.Msg, after)
	}
}

// TestAdminAddresses: an operator sees which addresses get requests, and why not.
func TestAdminAddresses(t *testing.T) {
	t.Parallel()
	const token = "Bearer first"
	g := newGreeter(t)
	g.write(t, "token", "first")
	g.write(t, "sheaf.yaml", "admin: {listen: 127.0.0.1:0, token: {file: token}}\n"+g.read(t, "sheaf.yaml")+
		"    balance: {addresses: [127.0.0.1:1, 127.0.0.1:2], ejection: {failures: 1}}\n    breaker: {min_requests: 1000}\n")
	h := serve(t, g.dir)
	ctx := withDeadline(t)
	for range 3 {
		if _, err := greet(ctx, h.http1, h.url, "x"); err == nil {
			t.Error("there is an answer")
		}
	}
	response, err := serveAdmin(t, h).GetStatus(ctx, as(&adminv1.GetStatusRequest{}, token))
	if err != nil {
		t.Fatal(err)
	}
	states := map[adminv1.AddressState]int{}
	for i, address := range response.Msg.GetUpstreams()[0].GetAddresses() {
		states[address.GetState()]++
		isOut := address.GetState() == adminv1.AddressState_ADDRESS_STATE_EJECTED
		if address.GetAddress() != []string{"127.0.0.1:1", "127.0.0.1:2"}[i] || isOut != (address.GetEjectedUntil() != nil) {
			t.Errorf("address = %v", address)
		}
	}
	if states[adminv1.AddressState_ADDRESS_STATE_EJECTED] != 1 || states[adminv1.AddressState_ADDRESS_STATE_WELL] != 1 {
		t.Errorf("states = %v", states)
	}
}

// checkProblems looks for what is wrong with the binding in an error.
func checkProblems(t *testing.T, err error) {
	t.Helper()
	if connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Fatalf("error = %v", err)
	}
	detail, err := err.(*connect.Error).Details()[0].Value() //nolint:errorlint // its code says that it is one
	if err != nil {
		t.Fatal(err)
	}
	problems := detail.(*adminv1.Problems).GetProblems()
	if len(problems) == 0 || problems[0].GetFile() != "bindings/greet.yaml" || problems[0].GetLine() != 6 || problems[0].GetColumn() == 0 ||
		problems[0].GetMessage() == "" || problems[0].GetHint() == "" {
		t.Errorf("problems = %v", problems)
	}
}

// TestAdminToken: nothing is answered without the token of the newest files.
func TestAdminToken(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	g.write(t, "token", "first")
	without := g.read(t, "sheaf.yaml")
	g.write(t, "sheaf.yaml", "admin: {listen: 127.0.0.1:0, token: {file: token}}\n"+without)
	h := serve(t, g.dir)
	client := serveAdmin(t, h)
	ctx := withDeadline(t)
	code := func(token string) connect.Code {
		_, err := client.GetStatus(ctx, as(&adminv1.GetStatusRequest{}, token))
		if err == nil {
			return 0
		}
		return connect.CodeOf(err)
	}
	for token, want := range map[string]connect.Code{
		"": connect.CodeUnauthenticated, "Bearer": connect.CodeUnauthenticated, "Bearer ": connect.CodeUnauthenticated, "Bearer second": connect.CodeUnauthenticated,
		"Basic first": connect.CodeUnauthenticated, "first": connect.CodeUnauthenticated, "Bearer first": 0, "bearer first": 0,
	} {
		if got := code(token); got != want {
			t.Errorf("%q: code = %v, want %v", token, got, want)
		}
	}
	g.write(t, "token", "second")
	if _, err := h.server.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	if first, second := code("Bearer first"), code("Bearer second"); first != connect.CodeUnauthenticated || second != 0 {
		t.Errorf("after a reload with another token: %v and %v", first, second)
	}
	g.write(t, "sheaf.yaml", without)
	reloaded, err := h.server.Reload(ctx)
	if err != nil || len(reloaded.NeedRestart) != 1 {
		t.Fatalf("reloaded = %+v, %v", reloaded, err)
	}
	for _, token := range []string{"Bearer second", "Bearer ", ""} {
		if got := code(token); got != connect.CodeUnauthenticated {
			t.Errorf("%q without a token in the files: code = %v", token, got)
		}
	}
}
