package bff_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/sheaf-rpc/sheaf/bff"
)

const someRules = `policy:
  rules:
    products:
      rpcs: [shop.v1.StorefrontService/GetProduct]
      allow: request.product_id == "p-100"
    moles:
      rpcs: [shop.v1.StorefrontService/GetOrder]
      deny: caller.claims.mole
  fields:
    staff:
      fields: [shop.v1.GetProductResponse.in_stock]
      allow: has(caller.claims.staff)
`

// decision is a line of the log of decisions.
type decision struct {
	Msg, RPC, Outcome, Code, Peer, Listener string
	Caller                                  struct{ Provider, ID string }
	Partial                                 bool
	Duration                                float64 `json:"duration_ms"`
	TraceID                                 string  `json:"trace_id"`
	Decisions                               []struct{ Kind, By, Reason string }
}

// decisions are the lines of the log of decisions, once everything has ended.
func (h *house) decisions(t *testing.T) []decision {
	t.Helper()
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	var found []decision
	for line := range strings.Lines(h.logs.String()) {
		var one decision
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		if one.Msg == "decision" {
			found = append(found, one)
		}
	}
	return found
}

// askFour asks for something that is allowed, for something that no rule allows, for something denied, and for nothing that can be read.
func (h *house) askFour(t *testing.T) {
	t.Helper()
	for body, status := range map[string]int{`{"productId": "p-100"}`: http.StatusOK, `{"productId": "secret"}`: http.StatusForbidden, `{`: http.StatusBadRequest} {
		if response := post(t, h, getProduct, body); response.StatusCode != status {
			t.Fatalf("%s: status %d: %s", body, response.StatusCode, readAll(t, response))
		}
	}
	if response := post(t, h, strings.Replace(getProduct, "GetProduct", "GetOrder", 1), `{"orderId": "1"}`); response.StatusCode != http.StatusForbidden {
		t.Fatalf("status %d", response.StatusCode)
	}
}

// TestDecisionLog: every call leaves one line, with what decided and nothing of its message.
func TestDecisionLog(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	h := openHouseWith(t, someRules, bff.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	h.shop.Break("stock", http.StatusServiceUnavailable)
	h.askFour(t)
	found := h.decisions(t)
	var got []string
	for _, one := range found {
		if one.Peer != "127.0.0.1" || one.Listener != "public" || one.Caller.Provider != "anonymous" || one.Duration <= 0 {
			t.Errorf("decision = %+v", one)
		}
		texts := []string{one.RPC, one.Outcome, one.Code}
		if one.Partial {
			texts = append(texts, "partial")
		}
		for _, each := range one.Decisions {
			texts = append(texts, strings.Join([]string{each.Kind, each.By, each.Reason}, "|"))
		}
		got = append(got, strings.TrimPrefix(strings.Join(texts, " "), "shop.v1.StorefrontService/"))
	}
	slices.Sort(got)
	want := []string{
		"GetOrder deny permission_denied deny|moles|its condition cannot be evaluated: it looks at a value that is missing",
		"GetProduct allow ok partial allow|products|its condition holds hide|staff|its condition does not hold",
		"GetProduct deny permission_denied deny||no rule allows it",
		"GetProduct unread invalid_argument",
	}
	if !slices.Equal(got, want) {
		t.Errorf("decisions:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(h.logs.String(), "secret") {
		t.Error("the log holds something of a message")
	}
	checkCounted(t, reader)
}

func checkCounted(t *testing.T, reader sdkmetric.Reader) {
	t.Helper()
	var measured metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &measured); err != nil {
		t.Fatal(err)
	}
	counted := map[string]int64{}
	for _, scope := range measured.ScopeMetrics {
		for _, metric := range scope.Metrics {
			if metric.Name != "sheaf.policy.decisions" {
				continue
			}
			for _, point := range metric.Data.(metricdata.Sum[int64]).DataPoints {
				kind, _ := point.Attributes.Value("sheaf.decision")
				rule, _ := point.Attributes.Value("sheaf.rule")
				counted[kind.AsString()+" "+rule.AsString()] += point.Value
			}
		}
	}
	if len(counted) != 4 || counted["allow products"] != 1 || counted["deny moles"] != 1 || counted["deny "] != 1 || counted["hide staff"] != 1 {
		t.Errorf("counted %v", counted)
	}
}

// TestDecisionLogRefusals: where only refusals are logged, permissions are not; without a policy, nothing is.
func TestDecisionLogRefusals(t *testing.T) {
	t.Parallel()
	h := openHouseWith(t, someRules+"  log: refusals\n")
	h.askFour(t)
	for _, one := range h.decisions(t) {
		if one.Outcome == "allow" {
			t.Errorf("decision = %+v", one)
		}
	}
	free := openHouse(t)
	viaPost(t, free, "p-100")
	if found := free.decisions(t); found != nil {
		t.Errorf("decisions = %+v", found)
	}
}

// TestDecisionWithoutProof: whoever wonders why a rule that allows an RPC to everybody does not is told what else there is.
func TestDecisionWithoutProof(t *testing.T) {
	t.Parallel()
	h := openHouseWith(t, `policy:
  identity: {partners: {api_key: {file: state/keys.json}}}
  rules: {all: {rpcs: ["*"], allow: "true"}}
`)
	if response := post(t, h, getProduct, `{"productId": "p-100"}`); response.StatusCode != http.StatusUnauthorized {
		t.Fatalf("status %d: %s", response.StatusCode, readAll(t, response))
	}
	found := h.decisions(t)
	if len(found) != 1 || len(found[0].Decisions) != 1 || !strings.Contains(found[0].Decisions[0].Reason, "policy.anonymous") {
		t.Errorf("decisions = %+v", found)
	}
}
