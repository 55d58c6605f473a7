// Package tlsfile is for the files that TLS is made with: authorities to trust, and a certificate of ours that may be renewed.
package tlsfile

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
)

// Authorities are those whom a file says to trust.
type Authorities struct {
	Pool *x509.CertPool
	// PEM is what the file holds.
	PEM []byte
}

// ReadAuthorities reads a file of certificates (PEM).
func ReadAuthorities(path string) (*Authorities, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("read authorities: %s holds no certificate (PEM)", path)
	}
	return &Authorities{pool, content}, nil
}

// WatchedAuthorities are authorities whose file is read again when it changes. They are safe for concurrent use.
type WatchedAuthorities struct {
	watched[*Authorities]
}

// WatchAuthorities reads a file as ReadAuthorities does. A nil logger discards what goes wrong later.
func WatchAuthorities(path string, logger *slog.Logger) (*WatchedAuthorities, error) {
	read := func() (*Authorities, error) { return ReadAuthorities(path) }
	a := &WatchedAuthorities{watched[*Authorities]{what: "file of authorities", paths: []string{path}, read: read, logger: logger}}
	if err := a.open(); err != nil {
		return nil, err
	}
	return a, nil
}
