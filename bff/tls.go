package bff

import (
	"crypto/tls"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/tlsfile"
)

// readTLS reads the files that tls names. One that cannot be used is a problem with its place.
func readTLS(from *plan.TLS, reading *secretReader) (*tls.Config, diag.Problems) {
	var problems diag.Problems
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: from.ServerName}
	if from.CA.Path != "" {
		if authorities, err := tlsfile.ReadAuthorities(from.CA.Path); err != nil {
			problems.Add(from.CA.At, 0, putThere, "%v", err)
		} else {
			config.RootCAs = authorities.Pool
			reading.found.add(secret.NewValue(string(authorities.PEM))) // no secret, but connections that are kept have been judged by it
		}
	}
	if from.Certificate.Path != "" {
		if certificate, err := tlsfile.ReadCertificate(from.Certificate.Path, from.Key.Path, reading.settings.logger); err != nil {
			problems.Add(from.Certificate.At, 0, putThere, "%v", err)
		} else {
			config.GetClientCertificate = certificate.Current
		}
	}
	return config, problems
}
