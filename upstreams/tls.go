package upstreams

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
)

// TLSConfig says whom to trust, and who we are. The zero TLSConfig trusts the system's authorities.
type TLSConfig struct {
	// Authorities are trusted instead of the system's; nil for those.
	Authorities *x509.CertPool
	// Certificate gives ours to each new connection; nil for none. It is called concurrently.
	Certificate func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
	// Pins are public keys one of which must be in the server's verified chain, as sha256/BASE64 (RFC 7469); none for any.
	Pins []string
	// ServerName is the name that the server's certificate must have; empty for the host of the base URL.
	ServerName string
}

// newTrust is what connections to an upstream are made with; nil means the defaults.
func newTrust(config *TLSConfig) *tls.Config {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if config == nil {
		config = &TLSConfig{}
	}
	trust.RootCAs, trust.ServerName = config.Authorities, config.ServerName
	if len(config.Pins) > 0 {
		trust.VerifyConnection = pins(slices.Clone(config.Pins)).verify
	}
	if config.Certificate != nil {
		// A session that is resumed has the certificate that it began with. With one that changes, each connection begins anew.
		trust.GetClientCertificate = config.Certificate
	} else {
		trust.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	return trust
}

// errUnpinned is that of a server whose keys are all unknown.
var errUnpinned = errors.New("server has none of the pinned public keys")

// pins are public keys, as sha256/BASE64 (RFC 7469, section 2.4).
type pins []string

// verify wants one of the pins in a verified chain: what else a server sends proves nothing. It runs when sessions are resumed, too.
func (p pins) verify(state tls.ConnectionState) error {
	for _, chain := range state.VerifiedChains {
		for _, certificate := range chain {
			if slices.Contains(p, pinOf(certificate)) {
				return nil
			}
		}
	}
	return errUnpinned
}

func pinOf(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// untrustedError is that of a server that is not who it should be. Nothing has been sent to it.
type untrustedError struct {
	why string
	err error
}

func (e *untrustedError) Error() string { return e.why + ": " + e.err.Error() }

func (e *untrustedError) Unwrap() error { return e.err }

// untrusted is what keeps a server from being trusted; nil if the error is about something else.
func untrusted(err error) *untrustedError {
	if errors.Is(err, errUnpinned) {
		return &untrustedError{"server is not trusted", err}
	}
	failure, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok {
		return nil
	}
	return &untrustedError{whyUntrusted(failure.Err), err}
}

// whyUntrusted says what is wrong with a certificate.
func whyUntrusted(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "server's certificate is for another name"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "server's certificate is of an authority that is not trusted"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "server's certificate has expired, or is not valid yet"
	}
	return "server's certificate is not valid"
}
