package bff_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const tillProject = `
-- sheaf.yaml --
contract: proto
bindings: bindings
policy:
  idempotency: {rpcs: ["till.v1.TillService/*"], required: true%s}
%s
upstreams:
  bank: {base_url: "${env.BANK_URL}", network: private}
-- proto/till/v1/till.proto --
syntax = "proto3";
package till.v1;
import "buf/validate/validate.proto";
service TillService {
  rpc Pay(PayRequest) returns (OrderResponse);
  rpc Order(OrderRequest) returns (OrderResponse);
  rpc Look(OrderRequest) returns (OrderResponse) {
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}
message OrderRequest {
  string id = 1 [(buf.validate.field).string.min_len = 1];
}
message PayRequest {
  map<string, string> notes = 1;
}
message OrderResponse {
  string number = 1;
  optional string note = 2;
}
-- bindings/till.yaml --
service: till.v1.TillService
rpcs:
  Pay:
    calls: {paid: {post: bank:/pay}}
    response: {number: paid.number}
  Order:
    calls:
      order: {post: "bank:/orders/${request.id}"}
      note: {get: "bank:/note", optional: true}
    response: {number: order.number, note: note.text}
    response_headers: {X-Bank: order.number}
  Look:
    calls: {order: {get: "bank:/orders/${request.id}"}}
    response: {number: order.number}
`

// bank is the upstream of a till. It counts its orders.
type bank struct {
	*httptest.Server

	mu     sync.Mutex
	orders int
	status int // of the next orders; 0 for good ones
}

func startBank(t *testing.T) *bank {
	t.Helper()
	b := &bank{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/note") {
			http.Error(w, "{}", http.StatusInternalServerError)
			return
		}
		b.orders++
		if b.status != 0 {
			http.Error(w, "{}", b.status)
			return
		}
		_, _ = fmt.Fprintf(w, `{"number": "%d"}`, b.orders)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *bank) answer(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = status
}

func (b *bank) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.orders
}

// till is a server in front of a bank.
type till struct {
	*house
	*testing.T
}

func openTill(t *testing.T, dir string, upstream *bank) till {
	t.Helper()
	return till{serve(t, dir, bff.WithLookupEnv(func(string) (string, bool) { return upstream.URL, true })), t}
}

// order orders, as JSON, and returns status, headers and body.
func (h till) order(id, key string) (int, http.Header, string) {
	h.Helper()
	return h.post("Order", "application/json", fmt.Sprintf(`{"id": %q}`, id), key)
}

func (h till) post(rpc, contentType, message, key string) (int, http.Header, string) {
	h.Helper()
	request, err := http.NewRequestWithContext(withDeadline(h.T), http.MethodPost, h.url+"/till.v1.TillService/"+rpc, strings.NewReader(message))
	if err != nil {
		h.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := h.http1.Do(request)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		h.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

const orderKey = "8e03978e-40d5-43dd-bc93-6894a57f9324"

// TestIdempotencyKey goes through an order and its repetitions, in memory and in Redis, over a reload, and from one replica to another.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		testIdempotencyKey(t, fmt.Sprintf(tillProject, "", ""), false)
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		redis := miniredis.RunT(t)
		project := fmt.Sprintf(tillProject, ", store: redis", fmt.Sprintf("redis: {addresses: [%q], timeout: 10s}", redis.Addr()))
		testIdempotencyKey(t, project, true)
		for _, key := range redis.Keys() {
			record, err := redis.HKeys(key)
			if err != nil || !strings.HasPrefix(key, "sheaf:idempotency:") || strings.Contains(key, orderKey) {
				t.Errorf("key %s: %v, %v", key, record, err)
			}
			for _, field := range record {
				if value := redis.HGet(key, field); strings.Contains(value, "number") || strings.Contains(value, "X-Bank") {
					t.Errorf("%s of %s is in clear: %q", field, key, value)
				}
			}
		}
	})
}

func testIdempotencyKey(t *testing.T, project string, shared bool) {
	t.Helper()
	upstream, dir := startBank(t), plantest.Write(t, project)
	h := openTill(t, dir, upstream)
	status, first, body := h.order("a", orderKey)
	if status != http.StatusOK || body != `{"number":"1"}` || first.Get("X-Bank") != "1" || first.Get("Idempotency-Replayed") != "" {
		t.Fatalf("got %d %v %s", status, first, body)
	}
	again := func(h till) {
		t.Helper()
		status, header, repeated := h.order("a", orderKey)
		if status != http.StatusOK || repeated != body || header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("got %d %v %s", status, header, repeated)
		}
		if header.Get("X-Bank") != "1" || header.Get("Sheaf-Partial") == "" || header.Get("Sheaf-Partial") != first.Get("Sheaf-Partial") {
			t.Errorf("header %v, first %v", header, first)
		}
	}
	again(h)
	config := filepath.Join(dir, "sheaf.yaml")
	content, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append(content, "server: {max_timeout: 20s}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.server.Reload(withDeadline(t)); err != nil {
		t.Fatal(err)
	}
	again(h)
	if shared {
		again(openTill(t, dir, upstream))
	}
	if upstream.count() != 1 {
		t.Errorf("%d orders", upstream.count())
	}
	for name, refused := range map[string]struct{ id, key, want string }{
		"another request": {"b", orderKey, "IDEMPOTENCY_KEY_REUSED"},
		"no key":          {"a", "", "IDEMPOTENCY_KEY_MISSING"},
		"not valid":       {"", "another-key-of-many-letters", "at least 1 character"},
	} {
		if status, _, body := h.order(refused.id, refused.key); status != http.StatusBadRequest || !strings.Contains(decoded(body), refused.want) {
			t.Errorf("%s: %d %s", name, status, decoded(body))
		}
	}
	testOutcomes(t, h, upstream)
}

// testOutcomes: a refusal frees the key, a failure does not.
func testOutcomes(t *testing.T, h till, upstream *bank) {
	t.Helper()
	before := upstream.count()
	const refused, failed = "one-that-is-refused-at-first", "one-that-fails-and-nobody-knows"
	upstream.answer(http.StatusConflict)
	if status, _, body := h.order("c", refused); status != http.StatusConflict || strings.Contains(decoded(body), "OUTCOME_UNKNOWN") {
		t.Errorf("got %d %s", status, decoded(body))
	}
	upstream.answer(http.StatusServiceUnavailable)
	for range 3 {
		if status, _, body := h.order("d", failed); status != http.StatusInternalServerError || !strings.Contains(decoded(body), "OUTCOME_UNKNOWN") {
			t.Errorf("got %d %s", status, decoded(body))
		}
	}
	upstream.answer(0)
	if status, header, body := h.order("c", refused); status != http.StatusOK || header.Get("Idempotency-Replayed") != "" {
		t.Errorf("got %d %s", status, decoded(body))
	}
	if status, header, body := h.order("d", failed); status == http.StatusOK || header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("got %d %s", status, decoded(body))
	}
	if orders := upstream.count() - before; orders != 3 {
		t.Errorf("%d orders", orders)
	}
}

// TestIdempotencyProtocols: it is the message that counts, however it is written.
func TestIdempotencyProtocols(t *testing.T) {
	t.Parallel()
	upstream := startBank(t)
	h := openTill(t, plantest.Write(t, fmt.Sprintf(tillProject, "", "")), upstream)
	entry := func(name, value string) []byte {
		var one []byte
		one = protowire.AppendString(protowire.AppendTag(one, 1, protowire.BytesType), name)
		one = protowire.AppendString(protowire.AppendTag(one, 2, protowire.BytesType), value)
		return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), one)
	}
	for name, message := range map[string]struct{ contentType, body string }{
		"json":               {"application/json", `{"notes": {"a": "1", "b": "2"}}`},
		"json in disorder":   {"application/json", ` {"notes": {"b": "2","a": "1"}}`},
		"proto":              {"application/proto", string(entry("a", "1")) + string(entry("b", "2"))},
		"proto in disorder":  {"application/proto", string(entry("b", "2")) + string(entry("a", "1"))},
		"proto with a twice": {"application/proto", string(entry("a", "0")) + string(entry("b", "2")) + string(entry("a", "1"))},
	} {
		status, _, body := h.post("Pay", message.contentType, message.body, orderKey)
		if status != http.StatusOK {
			t.Errorf("%s: %d %s", name, status, decoded(body))
		}
	}
	if upstream.count() != 1 {
		t.Errorf("%d orders", upstream.count())
	}
}

// decoded is a failure with its details in readable form.
func decoded(body string) string {
	text := bytes.NewBufferString(body)
	for part := range strings.SplitSeq(body, `"`) {
		if raw, err := base64.RawStdEncoding.DecodeString(part); err == nil {
			text.Write(raw)
		}
	}
	return text.String()
}
