package bff_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/bff"
)

// clientAuthority signs certificates of clients.
type clientAuthority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newClientAuthority(t *testing.T) *clientAuthority {
	t.Helper()
	a := &clientAuthority{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.certificate, a.key = a.sign(t, template)
	return a
}

// sign signs a certificate; the first one, which is the clientAuthority's own, itself.
func (a *clientAuthority) sign(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if a.certificate != nil {
		parent, signer = a.certificate, a.key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

// client is a client that shows a certificate with a URI.
func (a *clientAuthority) client(t *testing.T, server *httptest.Server, uri string) *http.Client {
	t.Helper()
	parsed, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), URIs: []*url.URL{parsed}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestCertificateCallers: over a listener that asks for certificates, the right one lets its holder in; a key comes before it.
func TestCertificateCallers(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	withPolicy(t, g, `policy:
  identity:
    mesh: {mtls: {trust_domains: [prod.example.org]}}
    partners: {api_key: {file: state/keys.json}}
`)
	_, key := newAPIKey(t, g.dir, "")
	server, err := bff.Open(g.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	trusted, others := newClientAuthority(t), newClientAuthority(t)
	listener := httptest.NewUnstartedServer(server.Handler())
	listener.EnableHTTP2 = true
	listener.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: x509.NewCertPool()}
	listener.TLS.ClientCAs.AddCert(trusted.certificate)
	listener.StartTLS()
	defer listener.Close()
	web := trusted.client(t, listener, "spiffe://prod.example.org/web")
	for name, test := range map[string]struct {
		client *http.Client
		want   connect.Code
	}{
		"right":          {web, 0},
		"another domain": {trusted.client(t, listener, "spiffe://test.example.org/web"), connect.CodeUnauthenticated},
		"none":           {listener.Client(), connect.CodeUnauthenticated},
		"with a bad key": {&http.Client{Transport: sending{http.Header{"X-Api-Key": {key + "a"}}, web.Transport}}, connect.CodeUnauthenticated},
	} {
		for range 2 {
			_, err := greet(withDeadline(t), test.client, listener.URL, "x")
			if code := connect.CodeOf(err); err == nil && test.want != 0 || err != nil && code != test.want {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := greet(withDeadline(t), others.client(t, listener, "spiffe://prod.example.org/web"), listener.URL, "x"); err == nil {
		t.Error("a certificate of somebody's own lets in") // how its connection ends depends on who is faster
	}
}
