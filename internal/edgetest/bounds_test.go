package edgetest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// TestHealthAndReflectionAreBounded: what nobody has to prove anything for reads no more than it needs, compressed or not.
func TestHealthAndReflectionAreBounded(t *testing.T) {
	t.Parallel()
	e := openDir(t, variant(t, "reflection: false", "reflection: true"))
	const large = 8 << 20
	message := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), make([]byte, large))
	if got := e.post(t, "/grpc.health.v1.Health/Check", "application/proto", zipped(t, message)); got.code() != "resource_exhausted" || len(got.body) > 1<<10 {
		t.Errorf("health: %d and %d bytes", got.status, len(got.body))
	}
	h2c := &http.Transport{Protocols: new(http.Protocols)}
	h2c.Protocols.SetUnencryptedHTTP2(true)
	defer h2c.CloseIdleConnections()
	e.client = &http.Client{Transport: h2c}
	for _, path := range []string{"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"} {
		request := protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), make([]byte, large))
		envelope := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(request))), request...)
		got := e.post(t, path, "application/grpc", envelope)
		const exhausted = "8"
		status := got.trailer.Get("Grpc-Status") + got.header.Get("Grpc-Status")
		if status != exhausted {
			t.Errorf("%s: status %q, and %d bytes", path, status, len(got.body))
		}
	}
}

// post sends bytes as they are, by somebody who is known; what is compressed says so.
func (e *edge) post(t *testing.T, path, contentType string, body []byte) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "Bearer "+e.issuer.token("ann", "notes"))
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		request.Header.Set("Content-Encoding", "gzip")
	}
	got, err := e.do(request)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func zipped(t *testing.T, plain []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// TestRulesAreBounded: a request that makes a rule look at everything in everything again and again is denied by what that costs, long before
// its deadline, and the log says why.
func TestRulesAreBounded(t *testing.T) {
	t.Parallel()
	e := openDir(t, variant(t, "max_elements: 100", "max_elements: 10000", "  fields:\n",
		"    tags: {rpcs: [notes.v1.NotesService/CreateNote], deny: 'request.tags.exists(a, request.tags.exists(b, request.tags.exists(c, a + b == c)))'}\n  fields:\n"))
	body := `{"owner": "ann", "text": "x", "tags": ["x"` + strings.Repeat(`,"y"`, 9000) + `]}`
	got := e.send(t, sent{rpc: "CreateNote", token: e.issuer.token("ann", "notes"), body: body, header: []string{"Idempotency-Key", "k1"}})
	e.denied(t, got, "permission_denied")
	if !strings.Contains(e.logs.String(), "it costs too much") {
		t.Errorf("the log does not tell: %s", e.logs.String())
	}
}
