package store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// certify makes a certificate for 127.0.0.1 that is its own authority.
func certify(t *testing.T) tls.Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"redis.internal"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(signed)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{signed}, PrivateKey: private, Leaf: leaf}
}

// trusting is a pool of one certificate.
func trusting(certificate tls.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	return pool
}

// TestRedisTLS: both sides show a certificate, and whoever shows another one, or none, is not talked to.
func TestRedisTLS(t *testing.T) {
	t.Parallel()
	theirs, ours := certify(t), certify(t)
	server, err := miniredis.RunTLS(&tls.Config{Certificates: []tls.Certificate{theirs}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusting(ours)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	show := []tls.Certificate{ours}
	for name, test := range map[string]struct {
		config *tls.Config
		ok     bool
	}{
		"trusted":             {&tls.Config{RootCAs: trusting(theirs), Certificates: show}, true},
		"by another name":     {&tls.Config{RootCAs: trusting(theirs), Certificates: show, ServerName: "redis.internal"}, true},
		"by a wrong name":     {&tls.Config{RootCAs: trusting(theirs), Certificates: show, ServerName: "other.internal"}, false},
		"unknown authority":   {&tls.Config{RootCAs: trusting(ours), Certificates: show}, false},
		"without certificate": {&tls.Config{RootCAs: trusting(theirs)}, false},
		"the system's":        {&tls.Config{Certificates: show}, false},
	} {
		redis := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}, TLS: test.config})
		if err := redis.Set(withDeadline(t), "a", []byte("x"), time.Minute); (err == nil) != test.ok {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}
