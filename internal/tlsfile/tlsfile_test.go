package tlsfile_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/tlsfile"
)

// save writes a certificate for a name, which is its own authority, and its key.
func save(t *testing.T, dir, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	writeFile(t, certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}))
	writeFile(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
	return certificate, key
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCertificateChanges: files are looked at once a second at most; ones that are not good leave the last good pair, with one
// warning.
func TestCertificateChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var logged bytes.Buffer
		path, key := save(t, dir, "first")
		certificate, err := tlsfile.ReadCertificate(path, key, slog.New(slog.NewTextHandler(&logged, nil)))
		if err != nil {
			t.Fatal(err)
		}
		shown := func() string {
			return certificate.Current().Leaf.Subject.CommonName
		}
		save(t, dir, "the second one")
		if got := shown(); got != "first" {
			t.Errorf("within the second: %s", got)
		}
		time.Sleep(time.Second)
		if got := shown(); got != "the second one" {
			t.Errorf("after a second: %s", got)
		}
		writeFile(t, key, []byte("half a key"))
		for range 3 {
			time.Sleep(time.Second)
			if got := shown(); got != "the second one" {
				t.Errorf("with a broken key: %s", got)
			}
		}
		if got := strings.Count(logged.String(), "level=WARN"); got != 1 || strings.Contains(logged.String(), "PRIVATE") {
			t.Errorf("%d warnings: %s", got, logged.String())
		}
		save(t, dir, "the third and last one")
		time.Sleep(time.Second)
		if got := shown(); got != "the third and last one" {
			t.Errorf("after the repair: %s", got)
		}
	})
}

func TestReadAuthorities(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, key := save(t, dir, "authority")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := x509.NewCertPool()
	want.AppendCertsFromPEM(content)
	if got, err := tlsfile.ReadAuthorities(path); err != nil || !got.Pool.Equal(want) || !bytes.Equal(got.PEM, content) {
		t.Errorf("authorities: %v", err)
	}
	for _, path := range []string{key, filepath.Join(dir, "none.pem")} {
		if _, err := tlsfile.ReadAuthorities(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("authorities from %s: %v", path, err)
		}
	}
}

func TestReadCertificate(t *testing.T) {
	t.Parallel()
	path, key := save(t, t.TempDir(), "ours")
	other, otherKey := save(t, t.TempDir(), "other")
	for name, test := range map[string]struct {
		certificate, key string
		ok               bool
	}{
		"a pair":         {path, key, true},
		"another's key":  {path, otherKey, false},
		"no certificate": {key, key, false},
		"no such file":   {filepath.Join(filepath.Dir(other), "none.pem"), otherKey, false},
	} {
		if _, err := tlsfile.ReadCertificate(test.certificate, test.key, nil); (err == nil) != test.ok {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}
