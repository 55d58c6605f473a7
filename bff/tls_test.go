package bff_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// withTransport is the things project, with more settings of its upstream.
func withTransport(settings string) string {
	return strings.Replace(things, `base_url: "${env.THINGS_URL}", network: private,`, settings, 1)
}

// TestBalancedOverTLS: what sheaf.yaml says of addresses and TLS is what goes over the wire; paths are relative to the file.
func TestBalancedOverTLS(t *testing.T) {
	t.Parallel()
	var asked [2]atomic.Int64
	var servers [2]*httptest.Server
	for i := range servers {
		servers[i] = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/healthz" {
				return
			}
			if r.Host != "example.com" || len(r.TLS.PeerCertificates) == 0 {
				t.Errorf("host = %s, certificates = %d", r.Host, len(r.TLS.PeerCertificates))
			}
			asked[i].Add(1)
			_, _ = io.WriteString(w, `{"name": "a thing"}`)
		}))
		servers[i].TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
		servers[i].StartTLS()
		t.Cleanup(servers[i].Close)
	}
	dir := plantest.Write(t, withTransport(`base_url: "https://example.com/v1", network: private,
    balance: {addresses: ["`+servers[0].Listener.Addr().String()+`", "`+servers[1].Listener.Addr().String()+`"], health_check: {get: /healthz}},
    tls: {ca: secrets/ca.pem, certificate: secrets/client.pem, key: secrets/client.key},`))
	writeKeys(t, filepath.Join(dir, "secrets"), servers[0])
	h := serve(t, dir)
	for range 4 {
		response, err := h.http1.Post(h.url+getThing, "application/json", strings.NewReader(`{"id": "1"}`))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || !strings.Contains(string(body), "a thing") {
			t.Fatalf("answer = %s (%v)", body, err)
		}
	}
	if asked[0].Load() != 2 || asked[1].Load() != 2 {
		t.Errorf("the addresses were asked %d and %d times", asked[0].Load(), asked[1].Load())
	}
	if err := h.stop(); err != nil {
		t.Error(err)
	}
}

// writeKeys writes a server's certificate as an authority, and its pair as one that clients show.
func writeKeys(t *testing.T, dir string, server *httptest.Server) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, content := range map[string][]byte{
		"ca.pem": certificate, "client.pem": certificate, "client.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMissingKeys: files that are not there are all told, with their places, before anything is served.
func TestMissingKeys(t *testing.T) {
	t.Parallel()
	dir := plantest.Write(t, withTransport(`base_url: "https://example.com",
    tls: {ca: secrets/ca.pem, certificate: secrets/client.pem, key: secrets/client.key},`))
	_, err := bff.Open(dir)
	wrong, ok := errors.AsType[*diag.Error](err)
	if !ok || len(wrong.Problems) != 2 {
		t.Fatalf("error = %v", err)
	}
	for i, want := range []string{"sheaf.yaml:6:15", "sheaf.yaml:6:44"} {
		if got := wrong.Problems[i]; got.Position.String() != want || !strings.Contains(got.Message, dir) || got.Hint == "" {
			t.Errorf("problem at %s: %s", got.Position, got.Message)
		}
	}
}
