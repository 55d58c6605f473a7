package bff_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// authority signs certificates for tests.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign is a certificate for example.com, and its key, both PEM.
func (a *authority) sign(t *testing.T, name string) (certificate, key []byte) {
	t.Helper()
	private := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// pair is what a client shows.
func (a *authority) pair(t *testing.T, name string) []tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(a.sign(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{pair}
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// overTLS are the files of a server that speaks TLS.
type overTLS struct {
	*greeter

	servers *authority
}

func newOverTLS(t *testing.T, settings string) *overTLS {
	t.Helper()
	o := &overTLS{newGreeter(t), newAuthority(t, "servers")}
	o.renew(t, "first")
	o.change(t, "sheaf.yaml", "server: {", "server: {tls: {certificate: server.pem, key: server.key"+settings+"}, ")
	return o
}

// renew writes another certificate.
func (o *overTLS) renew(t *testing.T, name string) {
	t.Helper()
	certificate, key := o.servers.sign(t, name)
	o.write(t, "server.pem", string(certificate))
	o.write(t, "server.key", string(key))
}

// client shows a certificate, if there is one, whatever authorities the server names, and keeps sessions to resume them.
func (o *overTLS) client(t *testing.T, certificates []tls.Certificate, sessions tls.ClientSessionCache, http2 bool) *http.Client {
	t.Helper()
	trusted := x509.NewCertPool()
	trusted.AddCert(o.servers.certificate)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "example.com", ClientSessionCache: sessions}, ForceAttemptHTTP2: http2,
	}
	if len(certificates) > 0 {
		transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificates[0], nil }
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// state is what a new connection of a client has come to.
func state(t *testing.T, client *http.Client, h *house) (*tls.ConnectionState, error) {
	t.Helper()
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, strings.Replace(h.url, "http:", "https:", 1)+"/greet.v1.GreetService/Greet", strings.NewReader(`{"name": "x"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK || response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%d %s, error %v, header %v", response.StatusCode, body, err, response.Header)
	}
	return response.TLS, nil
}

// TestServeTLS: both versions of HTTP, none in clear text, no TLS that is too old; and a certificate that is renewed without a reload.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	o := newOverTLS(t, "")
	h := serve(t, o.dir)
	for protocol, http2 := range map[string]bool{"http/1.1": false, "h2": true} {
		if got, err := state(t, o.client(t, nil, nil, http2), h); err != nil || (got.NegotiatedProtocol == "h2") != http2 || got.Version != tls.VersionTLS13 {
			t.Errorf("%s: %+v, error %v", protocol, got, err)
		}
	}
	if _, err := greet(withDeadline(t), h.http1, h.url, "x"); err == nil {
		t.Error("there is an answer in clear text")
	}
	old := o.client(t, nil, nil, false)
	old.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS11
	if _, err := state(t, old, h); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	shown := func() string {
		got, err := state(t, o.client(t, nil, nil, true), h)
		if err != nil {
			t.Fatal(err)
		}
		return got.PeerCertificates[0].Subject.CommonName
	}
	o.renew(t, "the second one")
	eventually(t, "the new certificate is shown", func() bool { return shown() == "the second one" })
	o.write(t, "server.key", "half a key")
	eventually(t, "the log says that the key is broken", func() bool {
		return shown() == "the second one" && strings.Contains(h.logs.String(), "certificate cannot be read again")
	})
	if _, err := h.server.Reload(withDeadline(t)); err == nil {
		t.Error("a reload takes half a key")
	}
	if got := shown(); got != "the second one" {
		t.Errorf("after a reload that failed: %s", got)
	}
}

// TestTLSReload: TLS comes and goes with a reload, on the same address.
func TestTLSReload(t *testing.T) {
	t.Parallel()
	o := newOverTLS(t, "")
	h := serve(t, o.dir)
	withTLS := o.read(t, "sheaf.yaml")
	o.change(t, "sheaf.yaml", "tls: {certificate: server.pem, key: server.key}, ", "")
	if reloaded, err := h.server.Reload(withDeadline(t)); err != nil || len(reloaded.NeedRestart) > 0 {
		t.Fatal(reloaded, err)
	}
	if _, err := greet(withDeadline(t), h.http1, h.url, "x"); err != nil {
		t.Error(err)
	}
	o.write(t, "sheaf.yaml", withTLS)
	if _, err := h.server.Reload(withDeadline(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := state(t, o.client(t, nil, nil, true), h); err != nil {
		t.Error(err)
	}
}

// TestClientCertificates: those that an authority of the moment has signed count, and others end the handshake; so does none, where
// one is required. An authority that is taken away counts no more, also for a client that has a session.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	for _, required := range []bool{false, true} {
		clients, others := newAuthority(t, "clients"), newAuthority(t, "others")
		settings := ", client_ca: clients.pem"
		if required {
			settings += ", require_client_certificate: true"
		}
		o := newOverTLS(t, settings)
		o.write(t, "clients.pem", clients.pem())
		h := serve(t, o.dir)
		sessions := tls.NewLRUClientSessionCache(1)
		known := o.client(t, clients.pair(t, "one"), sessions, true)
		for range 2 {
			if _, err := state(t, known, h); err != nil {
				t.Errorf("required %v: %v", required, err)
			}
		}
		if _, err := state(t, o.client(t, others.pair(t, "other"), nil, true), h); err == nil {
			t.Error("a certificate of another authority is taken")
		}
		if _, err := state(t, o.client(t, nil, nil, true), h); (err != nil) != required {
			t.Errorf("without a certificate, required %v: %v", required, err)
		}
		o.write(t, "clients.pem", others.pem()+others.pem())
		eventually(t, "the other authority counts", func() bool {
			_, err := state(t, o.client(t, others.pair(t, "other"), nil, true), h)
			return err == nil
		})
		if _, err := state(t, known, h); err == nil {
			t.Error("a certificate of an authority that is gone is taken")
		}
		o.write(t, "clients.pem", "none")
		eventually(t, "the log says that the authorities are broken", func() bool {
			_, err := state(t, o.client(t, others.pair(t, "other"), nil, true), h)
			return err == nil && strings.Contains(h.logs.String(), "file of authorities cannot be read again")
		})
	}
}

// TestServerTLSFiles: files that cannot be used are told at once, for all listeners, with their places.
func TestServerTLSFiles(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	g.change(t, "sheaf.yaml", "server: {", "server: {tls: {certificate: none.pem, key: none.key, client_ca: none.ca}, ")
	g.write(t, "admin.pem", "no certificate")
	g.write(t, "sheaf.yaml", g.read(t, "sheaf.yaml")+"admin: {listen: 127.0.0.1:0, token: {env: PATH}, tls: {certificate: admin.pem, key: admin.pem}}\n"+
		"internal: {listen: 127.0.0.1:0, rpcs: [\"*\"], tls: {certificate: none.pem, key: none.key}}\n")
	_, err := bff.Open(g.dir)
	wrong, ok := errors.AsType[*diag.Error](err)
	if !ok || len(wrong.Problems) != 4 {
		t.Fatalf("error = %v", err)
	}
	for i, line := range []int{3, 3, 9, 10} {
		if problem := wrong.Problems[i]; problem.Position.File != "sheaf.yaml" || problem.Position.Line != line || !strings.Contains(problem.Message, g.dir) || problem.Hint == "" {
			t.Errorf("problem at %s: %s", problem.Position, problem.Message)
		}
	}
}

// TestAdminTLS: the admin API over TLS.
func TestAdminTLS(t *testing.T) {
	t.Parallel()
	o := newOverTLS(t, "")
	o.write(t, "token", "first")
	o.write(t, "sheaf.yaml", "admin: {listen: 127.0.0.1:0, token: {file: token}, tls: {certificate: server.pem, key: server.key}}\n"+o.read(t, "sheaf.yaml"))
	h := serve(t, o.dir)
	url := strings.Replace(listenBesides(t, h.server.ServeAdmin), "http:", "https:", 1)
	client := o.client(t, nil, nil, true)
	for token, status := range map[string]int{"first": http.StatusOK, "second": http.StatusUnauthorized} {
		request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, url+"/sheaf.admin.v1.AdminService/GetStatus", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, response); response.StatusCode != status || response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %s", token, response.StatusCode, body)
		}
	}
	client.CloseIdleConnections()
}

// TestSlowHandshake: whoever begins no handshake keeps nobody else from theirs.
func TestSlowHandshake(t *testing.T) {
	t.Parallel()
	o := newOverTLS(t, "")
	h := serve(t, o.dir)
	silent, err := new(net.Dialer).DialContext(withDeadline(t), "tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := state(t, o.client(t, nil, nil, true), h); err != nil {
		t.Error(err)
	}
}
