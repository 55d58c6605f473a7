// Package tlsfile is for the files that TLS is made with: authorities to trust, and a certificate of ours that may be renewed.
package tlsfile

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"

	"github.com/sheaf-rpc/sheaf/internal/livefile"
)

// Authorities are those whom a file says to trust.
type Authorities struct {
	Pool *x509.CertPool
	// PEM is what the file holds.
	PEM []byte
	// roots are the certificates themselves.
	roots map[string]bool
}

// Vouch reports whether a chain that was verified ends in one of the authorities.
func (a *Authorities) Vouch(chain []*x509.Certificate) bool {
	return len(chain) > 0 && a.roots[string(chain[len(chain)-1].Raw)]
}

// ReadAuthorities reads a file of certificates (PEM).
func ReadAuthorities(path string) (*Authorities, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	read := &Authorities{Pool: x509.NewCertPool(), PEM: content, roots: map[string]bool{}}
	for rest := content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			read.Pool.AddCert(certificate)
			read.roots[string(certificate.Raw)] = true
		}
	}
	if len(read.roots) == 0 {
		return nil, fmt.Errorf("read authorities: %s holds no certificate (PEM)", path)
	}
	return read, nil
}

// WatchedAuthorities are authorities whose file is read again when it changes. They are safe for concurrent use.
type WatchedAuthorities struct {
	*livefile.Value[*Authorities]
}

// WatchAuthorities reads a file as ReadAuthorities does. A nil logger discards what goes wrong later.
func WatchAuthorities(path string, logger *slog.Logger) (*WatchedAuthorities, error) {
	read := func() (*Authorities, error) { return ReadAuthorities(path) }
	value, err := livefile.Open(livefile.Config[*Authorities]{What: "file of authorities", Paths: []string{path}, Read: read, Logger: logger})
	if err != nil {
		return nil, err
	}
	return &WatchedAuthorities{value}, nil
}
