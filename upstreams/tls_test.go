package upstreams

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// issue signs a certificate for a name, which holds for as long as said.
func (a *authority) issue(t *testing.T, name string, lasts time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key, Leaf: leaf}
}

// secured is a server that shows a certificate.
func secured(t *testing.T, pair tls.Certificate, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// spread is a client of https://things.test, whose requests go to these servers.
func spread(t *testing.T, config Config, servers ...*httptest.Server) *Client {
	t.Helper()
	config.Name, config.Private = "things", true
	if config.BaseURL == "" {
		config.BaseURL = "https://things.test/base"
	}
	if config.Balance == nil {
		config.Balance = &BalanceConfig{}
	}
	for _, server := range servers {
		config.Balance.Addresses = append(config.Balance.Addresses, server.Listener.Addr().String())
	}
	return create(t, config)
}

func create(t *testing.T, config Config) *Client {
	t.Helper()
	client, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func thing() *Request {
	return &Request{Name: "thing", Template: "/things/{id}", Method: http.MethodGet, Path: "/things/1"}
}

// TestTrust: who a server is has to be proven before anything is sent; what keeps it from that is said, and not tried again.
func TestTrust(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t), newAuthority(t)
	good := ours.issue(t, "things.test", time.Hour)
	withExtra := good
	withExtra.Certificate = append(append([][]byte{}, good.Certificate...), others.certificate.Raw) // sent, but not in the verified chain
	for name, test := range map[string]struct {
		shown tls.Certificate
		trust TLSConfig
		want  string
	}{
		"ours":                {good, TLSConfig{}, ""},
		"pinned leaf":         {good, TLSConfig{Pins: []string{pinOf(others.certificate), pinOf(good.Leaf)}}, ""},
		"pinned authority":    {good, TLSConfig{Pins: []string{pinOf(ours.certificate)}}, ""},
		"server name":         {ours.issue(t, "inner.test", time.Hour), TLSConfig{ServerName: "inner.test"}, ""},
		"pinned key of none":  {good, TLSConfig{Pins: []string{pinOf(others.certificate)}}, "server has none of the pinned public keys"},
		"pinned, but no part": {withExtra, TLSConfig{Pins: []string{pinOf(others.certificate)}}, "server has none of the pinned public keys"},
		"another name":        {ours.issue(t, "elsewhere.test", time.Hour), TLSConfig{}, "certificate is for another name"},
		"another server name": {good, TLSConfig{ServerName: "inner.test"}, "certificate is for another name"},
		"expired":             {ours.issue(t, "things.test", -time.Minute), TLSConfig{}, "certificate has expired"},
		"another authority":   {others.issue(t, "things.test", time.Hour), TLSConfig{}, "authority that is not trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			server := secured(t, test.shown, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if r.Host != "things.test" || r.ProtoMajor != 2 {
					t.Errorf("host = %s over %s", r.Host, r.Proto)
				}
				_, _ = io.WriteString(w, "{}")
			})
			trust := test.trust
			trust.Authorities = ours.pool()
			client := spread(t, Config{TLS: &trust, Retries: RetryConfig{Max: 3, Budget: 1}}, server)
			request := thing()
			_, err := client.Do(t.Context(), request)
			if test.want == "" {
				if err != nil || asked.Load() != 1 {
					t.Errorf("asked %d times: %v", asked.Load(), err)
				}
				return
			}
			failure, ok := errors.AsType[*Error](err)
			if !ok || failure.Kind != KindUnavailable || !failure.Unsent || asked.Load() != 0 || errorType(failure) != "certificate" {
				t.Fatalf("asked %d times: %#v", asked.Load(), failure)
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "tries") {
				t.Errorf("error = %v, want %q after one try", err, test.want)
			}
		})
	}
}

// TestSystemAuthorities: without a file of authorities, those of the system are trusted, and not a test's.
func TestSystemAuthorities(t *testing.T) {
	t.Parallel()
	server := secured(t, newAuthority(t).issue(t, "things.test", time.Hour), func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") })
	_, err := create(t, Config{Name: "things", BaseURL: server.URL, Private: true}).Do(t.Context(), thing())
	if failure, ok := errors.AsType[*Error](err); !ok || !failure.Unsent || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("error = %v", err)
	}
}

// TestOldTLS: nothing below 1.2.
func TestOldTLS(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ours.issue(t, "things.test", time.Hour)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	_, err := spread(t, Config{TLS: &TLSConfig{Authorities: ours.pool()}}, server).Do(t.Context(), thing())
	if err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("error = %v", err)
	}
}

// TestPinsOnResumption: a session that is resumed is judged like a new one.
func TestPinsOnResumption(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	server := secured(t, ours.issue(t, "things.test", time.Hour), func(http.ResponseWriter, *http.Request) {})
	first := newTrust(&TLSConfig{Authorities: ours.pool(), Pins: []string{pinOf(ours.certificate)}, ServerName: "things.test"})
	second := newTrust(&TLSConfig{Authorities: ours.pool(), Pins: []string{"sha256/none"}, ServerName: "things.test"})
	second.ClientSessionCache = first.ClientSessionCache
	dial := func(trust *tls.Config) (resumed bool, err error) {
		dialer := &tls.Dialer{Config: trust}
		connection, err := dialer.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			return false, err
		}
		defer connection.Close()
		// Reading makes sure that the session's ticket has come.
		if _, err := io.WriteString(connection, "GET / HTTP/1.0\r\n\r\n"); err != nil {
			return false, err
		}
		_, _ = io.Copy(io.Discard, connection)
		return connection.(*tls.Conn).ConnectionState().DidResume, nil
	}
	if resumed, err := dial(first); resumed || err != nil {
		t.Fatalf("first connection: resumed %v, error %v", resumed, err)
	}
	if resumed, err := dial(first); !resumed || err != nil {
		t.Fatalf("second connection: resumed %v, error %v", resumed, err)
	}
	judged := second.VerifyConnection
	resumed := false
	second.VerifyConnection = func(state tls.ConnectionState) error { resumed = state.DidResume; return judged(state) }
	if _, err := dial(second); !errors.Is(err, errUnpinned) || !resumed {
		t.Errorf("third connection, with other pins: resumed %v, error %v", resumed, err)
	}
}

// TestClientCertificate: the server sees ours, and on new connections the one that it has been changed for.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	var seen atomic.Value
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.TLS.PeerCertificates[0].Subject.CommonName)
		w.Header().Set("Connection", "close") // each request is on a connection of its own
	}))
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{ours.issue(t, "things.test", time.Hour)}, ClientCAs: ours.pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	var shown atomic.Pointer[tls.Certificate]
	current := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown.Load(), nil }
	client := spread(t, Config{TLS: &TLSConfig{Authorities: ours.pool(), Certificate: current}}, server)
	for _, want := range []string{"before", "after"} {
		pair := ours.issue(t, want, time.Hour)
		shown.Store(&pair)
		if _, err := client.Do(t.Context(), thing()); err != nil || seen.Load() != want {
			t.Errorf("the server saw %v (%v), want %s", seen.Load(), err, want)
		}
	}
}

func TestTLSWithoutHTTPS(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{Name: "things", BaseURL: "http://things.test", TLS: &TLSConfig{}}); err == nil {
		t.Error("tls without https")
	}
}
