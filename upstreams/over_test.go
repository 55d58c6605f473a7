package upstreams_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/upstreams"
)

// over is what a test runs over: a client of our own speaks HTTP/1.1 without TLS, and net/http's all else.
type over struct {
	name        string
	tls, http2  bool
	certificate *httptest.Server
}

// overEach runs a test over every transport; one that says raw bytes, not over HTTP/2.
func overEach(t *testing.T, raw bool, test func(*testing.T, over)) {
	t.Helper()
	for _, one := range []over{{name: "HTTP/1.1"}, {name: "HTTP/1.1 over TLS", tls: true}, {name: "HTTP/2", tls: true, http2: true}} {
		if raw && one.http2 {
			continue
		}
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			if one.tls {
				one.certificate = httptest.NewTLSServer(nil)
				t.Cleanup(one.certificate.Close)
			}
			test(t, one)
		})
	}
}

// open makes a client of a server.
func (o over) open(t *testing.T, handler http.HandlerFunc, change func(*upstreams.Config)) *upstreams.Client {
	t.Helper()
	if !o.tls {
		return open(t, handler, change)
	}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = o.http2
	server.StartTLS()
	t.Cleanup(server.Close)
	return open(t, handler, func(config *upstreams.Config) {
		config.BaseURL, config.TLS = server.URL+"/base", trusting(server)
		if change != nil {
			change(config)
		}
	})
}

// dialing makes a client of what serves connections.
func (o over) dialing(t *testing.T, serve func(net.Conn), change func(*upstreams.Config)) *upstreams.Client {
	t.Helper()
	if !o.tls {
		return dialing(t, listen(t, serve), change)
	}
	secure := &tls.Config{Certificates: o.certificate.TLS.Certificates, MinVersion: tls.VersionTLS12}
	address := listen(t, func(connection net.Conn) {
		secured := tls.Server(connection, secure)
		defer func() { _ = secured.Close() }()
		serve(secured)
	})
	return dialing(t, address, func(config *upstreams.Config) {
		config.BaseURL, config.TLS = "https://"+address, trusting(o.certificate)
		if change != nil {
			change(config)
		}
	})
}

func trusting(server *httptest.Server) *upstreams.TLSConfig {
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return &upstreams.TLSConfig{Authorities: pool}
}

// resetting makes a connection end with a reset.
func resetting(connection net.Conn) {
	if secure, ok := connection.(*tls.Conn); ok {
		connection = secure.NetConn()
	}
	_ = connection.(*net.TCPConn).SetLinger(0)
}

// TestOver: the tests that run over each transport run over those that they say.
func TestOver(t *testing.T) {
	t.Parallel()
	overEach(t, false, func(t *testing.T, over over) {
		t.Helper()
		client := over.open(t, func(w http.ResponseWriter, r *http.Request) {
			if (r.ProtoMajor == 2) != over.http2 || (r.TLS != nil) != over.tls {
				t.Errorf("%s, TLS %v", r.Proto, r.TLS != nil)
			}
			w.WriteHeader(http.StatusNoContent)
		}, func(config *upstreams.Config) { config.Timeout = time.Minute })
		if _, err := client.Do(t.Context(), get("/")); err != nil {
			t.Error(err)
		}
	})
}
