package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLSFiles say whom to trust, and who we are. An empty field means the default.
type TLSFiles struct {
	// CA is a file of certificates to trust instead of the system's.
	CA string
	// Certificate and Key are ours, two files. They are read for each connection, so that they may be renewed.
	Certificate, Key string
	// ServerName is the name that the server's certificate must have. Default: the host of the address.
	ServerName string
}

// TLSConfig reads the files.
func TLSConfig(files TLSFiles) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: files.ServerName}
	if files.CA != "" {
		certificates, err := os.ReadFile(files.CA)
		if err != nil {
			return nil, fmt.Errorf("read authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(certificates) {
			return nil, errors.New("read authorities: no certificate in " + files.CA)
		}
	}
	if files.Certificate == "" {
		return config, nil
	}
	if _, err := files.ours(nil); err != nil {
		return nil, err
	}
	config.GetClientCertificate = files.ours
	return config, nil
}

func (f TLSFiles) ours(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	certificate, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return &certificate, nil
}
