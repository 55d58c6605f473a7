package identity

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// CertificatesConfig says who the holder of a certificate is.
type CertificatesConfig struct {
	// Name is the provider's.
	Name string
	// ID is what becomes the caller's id: spiffe, dns or subject.
	ID string
	// TrustDomains are those that count, with spiffe; none for all that the authority has signed.
	TrustDomains []string
}

// maxName bounds an id or a name in bytes. It is that of SPIFFE IDs (SPIFFE-ID, section 2.4).
const maxName = 2048

// CertificateChallenge is what WWW-Authenticate says where a certificate is asked for. No scheme is registered for that, since TLS asks for
// it; but a 401 has to name one (RFC 9110, section 15.5.2).
const CertificateChallenge = "ClientCertificate"

// maxKnownCertificates bounds the certificates in memory.
const maxKnownCertificates = 1024

// Certificates is a Provider that takes the identity of the certificate of a connection, which its listener has verified.
type Certificates struct {
	config  CertificatesConfig
	domains map[string]bool

	mu sync.RWMutex
	// known are callers by their certificates, of which each connection has its own.
	known map[*x509.Certificate]*Caller
}

var _ Provider = (*Certificates)(nil)

// NewCertificates is a provider.
func NewCertificates(config CertificatesConfig) *Certificates {
	c := &Certificates{config: config, domains: map[string]bool{}, known: map[*x509.Certificate]*Caller{}}
	for _, domain := range config.TrustDomains {
		c.domains[domain] = true
	}
	return c
}

// Identify implements Provider. A certificate may end before its connection does.
func (c *Certificates) Identify(_ context.Context, proof Proof) (*Caller, error) {
	if len(proof.Certificates) == 0 {
		return nil, ErrNone
	}
	certificate := proof.Certificates[0]
	if time.Now().After(certificate.NotAfter) {
		return nil, &Error{Reason: "the certificate has expired"}
	}
	c.mu.RLock()
	caller := c.known[certificate]
	c.mu.RUnlock()
	if caller != nil {
		return caller, nil
	}
	caller, err := c.callerOf(certificate)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxKnownCertificates {
		clear(c.known) // most are of connections that have ended
	}
	c.known[certificate] = caller
	return caller, nil
}

// Challenge implements Provider.
func (*Certificates) Challenge() string { return CertificateChallenge }

func (c *Certificates) callerOf(certificate *x509.Certificate) (*Caller, error) {
	id, err := c.idOf(certificate)
	if err != nil {
		return nil, err
	}
	if len(id) > maxName {
		return nil, &Error{Reason: "the name in the certificate is too long"}
	}
	caller := New(c.config.Name, id, "", nil, claimsOf(certificate))
	caller.Expires = certificate.NotAfter
	return caller, nil
}

// idOf is the caller's id.
func (c *Certificates) idOf(certificate *x509.Certificate) (string, error) {
	switch c.config.ID {
	case "dns":
		if len(certificate.DNSNames) == 0 {
			return "", &Error{Reason: "the certificate has no DNS name"}
		}
		return strings.ToLower(certificate.DNSNames[0]), nil
	case "subject":
		if subject := certificate.Subject.String(); subject != "" {
			return subject, nil
		}
		return "", &Error{Reason: "the certificate has no subject"}
	default:
		return c.spiffeID(certificate)
	}
}

// spiffeID is the one of an X.509-SVID: the only URI of a certificate that signs no others (SPIFFE, X509-SVID, sections 2 and 5.2).
func (c *Certificates) spiffeID(certificate *x509.Certificate) (string, error) {
	const authority = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	switch {
	case len(certificate.URIs) != 1:
		return "", &Error{Reason: "the certificate has no SPIFFE ID", Err: fmt.Errorf("it has %d URIs", len(certificate.URIs))}
	case certificate.IsCA || certificate.KeyUsage&authority != 0:
		return "", &Error{Reason: "the certificate is an authority's"}
	}
	id, err := spiffeid.FromURI(certificate.URIs[0])
	if err == nil && id.Path() == "" {
		err = errors.New("it is an authority's, without a path")
	}
	if err != nil {
		return "", &Error{Reason: "the certificate has no SPIFFE ID", Err: err}
	}
	if len(c.domains) > 0 && !c.domains[id.TrustDomain().Name()] {
		return "", &Error{Reason: "the certificate is of another trust domain", Err: errors.New(id.TrustDomain().Name())}
	}
	return id.String(), nil
}

// claimsOf is what else is useful of a certificate, in JSON.
func claimsOf(certificate *x509.Certificate) []byte {
	var uris []string
	for _, uri := range certificate.URIs {
		uris = append(uris, uri.String())
	}
	claims, _ := json.Marshal(map[string]any{ // texts have a JSON form
		"dns": reasonable(certificate.DNSNames), "uris": reasonable(uris), "serial": certificate.SerialNumber.Text(16),
		"subject": strings.Join(reasonable([]string{certificate.Subject.String()}), ""),
		"issuer":  strings.Join(reasonable([]string{certificate.Issuer.String()}), ""),
	})
	return claims
}

// reasonable are the first of texts, without those that are too long: an authority may sign anything. None is cut, since a part of a name
// is another name.
func reasonable(texts []string) []string {
	const most = 16
	kept := []string{}
	for _, text := range texts[:min(most, len(texts))] {
		if len(text) <= maxName {
			kept = append(kept, text)
		}
	}
	return kept
}
