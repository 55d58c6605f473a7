package bff

import (
	"crypto/tls"
	"log/slog"
	"slices"

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
			config.GetClientCertificate = certificate.ForClient
		}
	}
	return config, problems
}

// serverTLS is how a listener speaks TLS.
type serverTLS struct {
	config *tls.Config
	// authorities are those of clients' certificates; nil where none is asked for.
	authorities *tlsfile.WatchedAuthorities
}

// stillCounts reports whether the certificate that a client has shown, if it has, is of an authority of the moment: the connection may be
// older than that. It may be nil, for clear text.
func (s *serverTLS) stillCounts(state *tls.ConnectionState) bool {
	if state == nil || len(state.VerifiedChains) == 0 {
		return true
	}
	return s != nil && s.authorities != nil && slices.ContainsFunc(state.VerifiedChains, s.authorities.Current().Vouch)
}

// readServerTLS reads the files that tls of a listener names, as readTLS does. What they hold later is looked at when a client connects.
func readServerTLS(from *plan.ServerTLS, logger *slog.Logger) (*serverTLS, diag.Problems) {
	var problems diag.Problems
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	certificate, err := tlsfile.ReadCertificate(from.Certificate.Path, from.Key.Path, logger)
	if err != nil {
		problems.Add(from.Certificate.At, 0, putThere, "%v", err)
	} else {
		config.GetCertificate = certificate.ForServer
	}
	if from.ClientCA.Path == "" {
		return &serverTLS{config: config}, problems
	}
	authorities, err := tlsfile.WatchAuthorities(from.ClientCA.Path, logger)
	if err != nil {
		problems.Add(from.ClientCA.At, 0, putThere, "%v", err)
		return &serverTLS{config: config}, problems
	}
	askForCertificates(config, authorities, from.RequireClientCertificate)
	return &serverTLS{config, authorities}, problems
}

// askForCertificates verifies clients' certificates by the authorities of the moment, each time: no session is resumed.
func askForCertificates(config *tls.Config, authorities *tlsfile.WatchedAuthorities, require bool) {
	config.ClientAuth, config.SessionTicketsDisabled = tls.VerifyClientCertIfGiven, true
	if require {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	config.ClientCAs = authorities.Current().Pool
	frozen := config.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		current := frozen.Clone()
		current.ClientCAs = authorities.Current().Pool
		return current, nil
	}
}
