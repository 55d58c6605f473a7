package store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// writeCertificate writes a certificate for 127.0.0.1, which is its own authority, and its key.
func writeCertificate(t *testing.T) store.TLSFiles {
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
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := store.TLSFiles{Certificate: filepath.Join(dir, "certificate.pem"), Key: filepath.Join(dir, "key.pem")}
	for path, block := range map[string]*pem.Block{files.Certificate: {Type: "CERTIFICATE", Bytes: certificate}, files.Key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestRedisTLS: both sides show a certificate, and whoever shows another one, or none, is not talked to.
func TestRedisTLS(t *testing.T) {
	t.Parallel()
	theirs, ours := writeCertificate(t), writeCertificate(t)
	pair, err := tls.LoadX509KeyPair(theirs.Certificate, theirs.Key)
	if err != nil {
		t.Fatal(err)
	}
	known, err := os.ReadFile(ours.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(known)
	server, err := miniredis.RunTLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	for name, test := range map[string]struct {
		files store.TLSFiles
		ok    bool
	}{
		"trusted":             {store.TLSFiles{CA: theirs.Certificate, Certificate: ours.Certificate, Key: ours.Key}, true},
		"by another name":     {store.TLSFiles{CA: theirs.Certificate, Certificate: ours.Certificate, Key: ours.Key, ServerName: "redis.internal"}, true},
		"by a wrong name":     {store.TLSFiles{CA: theirs.Certificate, Certificate: ours.Certificate, Key: ours.Key, ServerName: "other.internal"}, false},
		"unknown authority":   {store.TLSFiles{CA: ours.Certificate, Certificate: ours.Certificate, Key: ours.Key}, false},
		"without certificate": {store.TLSFiles{CA: theirs.Certificate}, false},
		"the system's":        {store.TLSFiles{Certificate: ours.Certificate, Key: ours.Key}, false},
	} {
		config, err := store.TLSConfig(test.files)
		if err != nil {
			t.Fatal(err)
		}
		redis := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}, TLS: config})
		if err := redis.Set(withDeadline(t), "a", []byte("x"), time.Minute); (err == nil) != test.ok {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

func TestTLSFilesMissing(t *testing.T) {
	t.Parallel()
	ours := writeCertificate(t)
	for name, files := range map[string]store.TLSFiles{
		"no such authority":   {CA: "missing.pem"},
		"no authority in it":  {CA: ours.Key},
		"no such certificate": {Certificate: "missing.pem", Key: ours.Key},
		"another's key":       {Certificate: ours.Certificate, Key: writeCertificate(t).Key},
	} {
		if _, err := store.TLSConfig(files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
