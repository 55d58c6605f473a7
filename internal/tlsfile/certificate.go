package tlsfile

import (
	"crypto/tls"
	"fmt"
	"log/slog"

	"github.com/sheaf-rpc/sheaf/internal/livefile"
)

// Certificate is ours, with its key, in two files that are read again when they change. It is safe for concurrent use.
type Certificate struct {
	*livefile.Value[*tls.Certificate]
}

// ReadCertificate reads a certificate and its key (PEM). A nil logger discards what goes wrong later.
func ReadCertificate(certificate, key string, logger *slog.Logger) (*Certificate, error) {
	read := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("read certificate %s: %w", certificate, err)
		}
		return &pair, nil
	}
	value, err := livefile.Open(livefile.Config[*tls.Certificate]{What: "certificate", Paths: []string{certificate, key}, Read: read, Logger: logger})
	if err != nil {
		return nil, err
	}
	return &Certificate{value}, nil
}

// ForServer is what new connections of clients to us show; it is for tls.Config.GetCertificate. The error is nil.
func (c *Certificate) ForServer(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.Current(), nil
}

// ForClient is what new connections to servers show; it is for tls.Config.GetClientCertificate. The error is nil.
func (c *Certificate) ForClient(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return c.Current(), nil
}
