package bff_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sheaf-rpc/sheaf/bff"
	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

const (
	aliceToken = "canary-alice"
	bobToken   = "canary-bob"
)

// governed is a greeter with API keys and two operators, and a key of partner-7.
func governed(t *testing.T, options ...bff.Option) (h *house, key string) {
	t.Helper()
	g := newGreeter(t)
	withPolicy(t, g, `policy: {identity: {partners: {api_key: {file: state/keys.json}}}}
admin: {listen: 127.0.0.1:0, token: {file: token}, operators: {alice: {env: ALICE}, bob: {env: BOB}}}
`)
	g.write(t, "token", "canary-token")
	lookup := func(name string) (string, bool) {
		return map[string]string{"ALICE": aliceToken, "BOB": bobToken}[name], true
	}
	_, key = newAPIKey(t, g.dir, "")
	return serve(t, g.dir, append(options, bff.WithLookupEnv(lookup))...), key
}

// audited are the lines of the audit log.
func (h *house) audited(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for text := range strings.Lines(h.logs.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line["msg"] == "admin API" {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestAdminOperators: each operator has a token, and what they do is logged with their names; tokens and keys are not.
func TestAdminOperators(t *testing.T) {
	t.Parallel()
	h, key := governed(t)
	client, ctx := serveAdmin(t, h), withDeadline(t)
	for token, want := range map[string]string{aliceToken: "alice", bobToken: "bob", "canary-token": "token"} {
		before := len(h.audited(t))
		if _, err := client.GetStatus(ctx, as(&adminv1.GetStatusRequest{}, "Bearer "+token)); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		lines := h.audited(t)
		if len(lines) != before+1 || lines[before]["operator"] != want || lines[before]["rpc"] != "sheaf.admin.v1.AdminService/GetStatus" || lines[before]["code"] != "ok" {
			t.Errorf("%s: audited %v", want, lines)
		}
	}
	before := len(h.audited(t))
	made, err := client.CreateKey(ctx, as(&adminv1.CreateKeyRequest{Caller: "partner-8", Scopes: []string{"a"}}, "Bearer "+aliceToken))
	if err != nil {
		t.Fatal(err)
	}
	prefix := made.Msg.GetKey().GetPrefix()
	for _, named := range []string{prefix, key, "nonsense-" + key} { // a whole key in the place of a prefix is no subject of a log
		_, _ = client.RevokeKey(ctx, as(&adminv1.RevokeKeyRequest{Provider: "partners", Prefix: named}, "Bearer "+bobToken))
	}
	var got strings.Builder
	for _, line := range h.audited(t)[before:] {
		fmt.Fprintln(&got, line["operator"], line["rpc"].(string)[len("sheaf.admin.v1.AdminService/"):], line["caller"], line["key"], line["code"])
	}
	want := "alice CreateKey partner-8 " + prefix + " ok\nbob RevokeKey <nil> " + prefix + " ok\nbob RevokeKey <nil> " + key[6:18] + " ok\nbob RevokeKey <nil>  not_found\n"
	if got.String() != want {
		t.Errorf("audited:\n%swant:\n%s", got.String(), want)
	}
	if _, err := client.GetStatus(ctx, as(&adminv1.GetStatusRequest{}, "Bearer canary-carol")); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("error = %v", err)
	}
	contains(t, h.logs.String(), "a request to the admin API was refused")
	for _, secret := range []string{"canary", key[19:30], made.Msg.GetSecret()[19:30]} {
		if strings.Contains(h.logs.String(), secret) {
			t.Errorf("the log shows %s: %s", secret, h.logs.String())
		}
	}
}

// TestAdminSameToken: two operators with one token could not be told apart.
func TestAdminSameToken(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	withPolicy(t, g, "admin: {listen: 127.0.0.1:0, operators: {alice: {env: TOKEN}, bob: {env: TOKEN}}}\n")
	_, err := bff.Open(g.dir, bff.WithLookupEnv(func(string) (string, bool) { return aliceToken, true }))
	if wrong, ok := errors.AsType[*bff.AuthorError](err); !ok || !strings.Contains(err.Error(), "alice and bob have the same token") ||
		wrong.Problems[0].Position.Line == 0 || strings.Contains(err.Error(), aliceToken) {
		t.Errorf("error = %v", err)
	}
}

// TestAdminKeys: an operator makes a key that lets its caller in, lists it and revokes it.
func TestAdminKeys(t *testing.T) {
	t.Parallel()
	const token = "Bearer " + aliceToken
	h, _ := governed(t)
	client, ctx := serveAdmin(t, h), withDeadline(t)
	expires := timestamppb.New(time.Now().Add(time.Hour).Truncate(time.Second))
	made, err := client.CreateKey(ctx, as(&adminv1.CreateKeyRequest{Caller: "partner-8", Claims: map[string]string{"team": "x"}, ExpireTime: expires}, token))
	if err != nil || made.Header().Get("Cache-Control") != "no-store" {
		t.Fatal(err)
	}
	if code := h.greetWith(t, http.Header{"X-Api-Key": {made.Msg.GetSecret()}}); code != 0 {
		t.Errorf("code = %v", code)
	}
	list, err := client.ListKeys(ctx, as(&adminv1.ListKeysRequest{Provider: "partners"}, token))
	if err != nil || len(list.Msg.GetKeys()) != 2 {
		t.Fatalf("keys = %v, %v", list, err)
	}
	key := made.Msg.GetKey()
	if key.GetExpireTime().AsTime() != expires.AsTime() || key.GetRevokeTime() != nil || key.GetCreateTime() == nil || key.GetClaims()["team"] != "x" || key.GetProvider() != "partners" {
		t.Errorf("key = %v", key)
	}
	revoked, err := client.RevokeKey(ctx, as(&adminv1.RevokeKeyRequest{Prefix: key.GetPrefix()}, token))
	if err != nil || revoked.Msg.GetKey().GetRevokeTime() == nil {
		t.Errorf("revoked = %v, %v", revoked, err)
	}
	eventually(t, "the key is refused", func() bool {
		return h.greetWith(t, http.Header{"X-Api-Key": {made.Msg.GetSecret()}}) == connect.CodeUnauthenticated
	})

	_, noID := client.CreateKey(ctx, as(&adminv1.CreateKeyRequest{}, token))
	_, noProvider := client.ListKeys(ctx, as(&adminv1.ListKeysRequest{Provider: "partner"}, token))
	_, noKey := client.RevokeKey(ctx, as(&adminv1.RevokeKeyRequest{Prefix: "abcdefghijkl"}, token))
	for want, err := range map[connect.Code]error{connect.CodeInvalidArgument: noID, connect.CodeNotFound: errors.Join(noProvider, noKey)} {
		if connect.CodeOf(err) != want {
			t.Errorf("error = %v, want %v", err, want)
		}
	}
}

// TestAdminPlan prints the plan that is served.
func TestAdminPlan(t *testing.T) {
	t.Parallel()
	const token = "Bearer " + aliceToken
	h, _ := governed(t)
	client, ctx := serveAdmin(t, h), withDeadline(t)
	for request, want := range map[*adminv1.GetPlanRequest]string{
		{}:             "greet.v1.GreetService/Greet  (bindings/greet.yaml:3:3)",
		{Rpc: "Greet"}: "GET people:/",
		{Rpc: "greet.v1.GreetService/Greet", Format: adminv1.PlanFormat_PLAN_FORMAT_MERMAID}: "flowchart",
	} {
		response, err := client.GetPlan(ctx, as(request, token))
		if err != nil || !strings.Contains(response.Msg.GetText(), want) || response.Msg.GetPlanDigest() != h.server.Status().Digest {
			t.Errorf("plan = %v, %v", response, err)
		}
	}
	if _, err := client.GetPlan(ctx, as(&adminv1.GetPlanRequest{Rpc: "Gret"}, token)); connect.CodeOf(err) != connect.CodeNotFound || !strings.Contains(err.Error(), "Greet") {
		t.Errorf("error = %v", err)
	}
}

// TestAdminDrifts: what an upstream has answered in another shape is told with its place.
func TestAdminDrifts(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	g.change(t, "bindings/greet.yaml", "person.old", "person.older")
	withPolicy(t, g, "admin: {listen: 127.0.0.1:0, operators: {alice: {env: ALICE}}}\n")
	h := serve(t, g.dir, bff.WithLookupEnv(func(string) (string, bool) { return aliceToken, true }))
	for range 2 {
		h.greetWith(t, nil)
	}
	response, err := serveAdmin(t, h).ListDrifts(withDeadline(t), as(&adminv1.ListDriftsRequest{}, "Bearer "+aliceToken))
	if err != nil || len(response.Msg.GetDrifts()) != len(h.server.Drifts()) {
		t.Fatalf("drifts = %v, %v", response, err)
	}
	for _, drift := range response.Msg.GetDrifts() {
		if drift.GetFile() != "bindings/greet.yaml" || drift.GetLine() != 6 || drift.GetUpstream() != "people" || drift.GetCount() != 2 || drift.GetLastTime() == nil {
			t.Errorf("drift = %v", drift)
		}
	}
}

// TestAdminUsage: who has called what is told, a page at a time.
func TestAdminUsage(t *testing.T) {
	t.Parallel()
	const token = "Bearer " + aliceToken
	h, key := governed(t)
	for range 3 {
		h.greetWith(t, http.Header{"X-Api-Key": {key}})
	}
	h.greetWith(t, nil)
	response, err := h.http1.Do(newRequest(t, h.url+"/greet.v1.GreetService/Greet", key, "{"))
	if err != nil || response.StatusCode != http.StatusBadRequest {
		t.Fatalf("%v, %v", response, err)
	}
	client, ctx := serveAdmin(t, h), withDeadline(t)
	totals := map[string][3]int64{}
	request := &adminv1.ListUsageRequest{PageSize: 1, Rpc: "greet.v1.GreetService/Greet", StartTime: timestamppb.New(time.Now().Add(-time.Hour))}
	for pages := 0; ; pages++ {
		response, err := client.ListUsage(ctx, as(request, token))
		if err != nil || len(response.Msg.GetUsage()) > 1 || pages > 10 {
			t.Fatalf("%v, %v", response, err)
		}
		for _, row := range response.Msg.GetUsage() { // the test may go beyond an hour
			total := totals[row.GetProvider()+"/"+row.GetCaller()]
			totals[row.GetProvider()+"/"+row.GetCaller()] = [3]int64{total[0] + row.GetCalls(), total[1] + row.GetRefusals(), total[2] + row.GetFailures()}
		}
		if request.PageToken = response.Msg.GetNextPageToken(); request.GetPageToken() == "" {
			break
		}
	}
	if len(totals) != 2 || totals["partners/partner-7"] != [3]int64{4, 1, 0} || totals["/"] != [3]int64{1, 1, 0} {
		t.Errorf("usage = %v", totals)
	}
	for _, other := range []*adminv1.ListUsageRequest{
		{Caller: "partner-8"}, {Provider: "others"}, {Rpc: "greet"}, {StartTime: timestamppb.New(time.Now().Add(2 * time.Hour))}, {EndTime: timestamppb.New(time.Now().Add(-2 * time.Hour))},
	} {
		if response, err := client.ListUsage(ctx, as(other, token)); err != nil || len(response.Msg.GetUsage()) != 0 {
			t.Errorf("%v: %v, %v", other, response, err)
		}
	}
	if _, err := client.ListUsage(ctx, as(&adminv1.ListUsageRequest{PageToken: "x"}, token)); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("error = %v", err)
	}
}

// TestUsageFailures: what fails behind the boundary is a failure, and no refusal.
func TestUsageFailures(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	g.write(t, "sheaf.yaml", g.config("http://127.0.0.1:1", "")+"admin: {listen: 127.0.0.1:0, operators: {alice: {env: ALICE}}}\n")
	h := serve(t, g.dir, bff.WithLookupEnv(func(string) (string, bool) { return aliceToken, true }))
	h.greetWith(t, nil)
	response, err := serveAdmin(t, h).ListUsage(withDeadline(t), as(&adminv1.ListUsageRequest{}, "Bearer "+aliceToken))
	if err != nil || len(response.Msg.GetUsage()) != 1 {
		t.Fatalf("%v, %v", response, err)
	}
	if row := response.Msg.GetUsage()[0]; row.GetFailures() != 1 || row.GetRefusals() != 0 || row.GetProvider() != "anonymous" {
		t.Errorf("usage = %v", row)
	}
}

func newRequest(t *testing.T, url, key, body string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Api-Key", key)
	return request
}

// TestMetrics: Prometheus gets what it can read, with an operator's token alone, and no label tells who called from where.
func TestMetrics(t *testing.T) {
	t.Parallel()
	started, err := telemetry.Start(t.Context(), "test", telemetry.WithScraping())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = started.Stop(context.Background()) }()
	h, key := governed(t, bff.WithMeterProvider(started.Meters), bff.WithMetrics(started.Metrics))
	for _, header := range []http.Header{{"X-Api-Key": {key}}, nil} {
		h.greetWith(t, header)
	}
	url := adminURL(t, h) + "/metrics"
	if status, _ := scrape(t, h, url, "wrong"); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	status, families := scrape(t, h, url, bobToken)
	if status != http.StatusOK {
		t.Fatalf("status = %d", status)
	}
	for _, want := range []string{"rpc_server_", "http_client_request_duration", "go_goroutines", "process_"} {
		found := false
		for name := range families {
			found = found || strings.HasPrefix(name, want)
		}
		if !found {
			t.Errorf("no metric is %s*", want)
		}
	}
	for name, family := range families {
		for _, one := range family.GetMetric() {
			for _, label := range one.GetLabel() {
				if value := label.GetValue(); strings.Contains(value, "partner") || strings.Contains(value, key) || strings.Contains(value, "/x") {
					t.Errorf("%s has %s = %q", name, label.GetName(), value)
				}
			}
		}
	}
}

// adminURL serves the admin API, and is where.
func adminURL(t *testing.T, h *house) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.server.ServeAdmin(ctx, listener) }()
	t.Cleanup(func() {
		h.http1.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve admin: %v", err)
		}
	})
	return "http://" + listener.Addr().String()
}

// scrape asks for metrics as Prometheus does.
func scrape(t *testing.T, h *house, url, token string) (status int, families map[string]*dto.MetricFamily) {
	t.Helper()
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := h.http1.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, nil
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err = parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		t.Errorf("%v in:\n%s", err, body)
	}
	return response.StatusCode, families
}
