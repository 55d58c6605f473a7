package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/identity"
)

// certify signs a certificate with its own key, and reads it as a listener does.
func certify(t *testing.T, template x509.Certificate, uris ...string) *x509.Certificate {
	t.Helper()
	for _, text := range uris {
		uri, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = append(template.URIs, uri)
	}
	template.SerialNumber = big.NewInt(0xc0ffee)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func holding(certificate *x509.Certificate) identity.Proof {
	return identity.Proof{Certificates: []*x509.Certificate{certificate}}
}

// TestCertificate: what is in a certificate becomes the caller.
func TestCertificate(t *testing.T) {
	t.Parallel()
	certificate := certify(t, x509.Certificate{
		Subject: pkix.Name{CommonName: "web", Organization: []string{"Shop"}}, DNSNames: []string{"Web.example.org", "b.example.org"},
	}, "spiffe://prod.example.org/ns/shop/sa/web")
	for id, want := range map[string]string{
		"spiffe": "spiffe://prod.example.org/ns/shop/sa/web", "dns": "web.example.org", "subject": "CN=web,O=Shop",
	} {
		provider := identity.NewCertificates(identity.CertificatesConfig{Name: "mesh", ID: id, TrustDomains: []string{"prod.example.org"}})
		caller, err := provider.Identify(t.Context(), holding(certificate))
		if err != nil {
			t.Fatal(err)
		}
		const claims = `"claims":{"dns":["Web.example.org","b.example.org"],"issuer":"CN=web,O=Shop","serial":"c0ffee","subject":"CN=web,O=Shop","uris":["spiffe://prod.example.org/ns/shop/sa/web"]}`
		if caller.ID != want || caller.Provider != "mesh" || !strings.Contains(string(caller.JSON()), claims) || !caller.Expires.Equal(certificate.NotAfter) {
			t.Errorf("%s: caller = %s", id, caller.JSON())
		}
		if again, err := provider.Identify(t.Context(), holding(certificate)); err != nil || again != caller {
			t.Errorf("%s: the caller is made anew, %v", id, err)
		}
		if _, err := provider.Identify(t.Context(), identity.Proof{}); !errors.Is(err, identity.ErrNone) {
			t.Errorf("without a certificate: %v", err)
		}
	}
}

// TestCertificateRefused: what is no identity is none.
func TestCertificateRefused(t *testing.T) {
	t.Parallel()
	const web = "spiffe://prod.example.org/web"
	for name, test := range map[string]struct {
		id       string
		template x509.Certificate
		uris     []string
		want     string
	}{
		"no URI":             {"spiffe", x509.Certificate{}, nil, "the certificate has no SPIFFE ID"},
		"two URIs":           {"spiffe", x509.Certificate{}, []string{web, "https://example.org"}, "the certificate has no SPIFFE ID"},
		"another scheme":     {"spiffe", x509.Certificate{}, []string{"https://prod.example.org/web"}, "the certificate has no SPIFFE ID"},
		"a query":            {"spiffe", x509.Certificate{}, []string{web + "?a=b"}, "the certificate has no SPIFFE ID"},
		"a fragment":         {"spiffe", x509.Certificate{}, []string{web + "#a"}, "the certificate has no SPIFFE ID"},
		"a port":             {"spiffe", x509.Certificate{}, []string{"spiffe://prod.example.org:80/web"}, "the certificate has no SPIFFE ID"},
		"a user":             {"spiffe", x509.Certificate{}, []string{"spiffe://me@prod.example.org/web"}, "the certificate has no SPIFFE ID"},
		"no path":            {"spiffe", x509.Certificate{}, []string{"spiffe://prod.example.org"}, "the certificate has no SPIFFE ID"},
		"dots":               {"spiffe", x509.Certificate{}, []string{"spiffe://prod.example.org/a/../web"}, "the certificate has no SPIFFE ID"},
		"escapes":            {"spiffe", x509.Certificate{}, []string{"spiffe://prod.example.org/w%65b"}, "the certificate has no SPIFFE ID"},
		"upper case":         {"spiffe", x509.Certificate{}, []string{"spiffe://PROD.example.org/web"}, "the certificate has no SPIFFE ID"},
		"an empty segment":   {"spiffe", x509.Certificate{}, []string{"spiffe://prod.example.org//web"}, "the certificate has no SPIFFE ID"},
		"a slash at the end": {"spiffe", x509.Certificate{}, []string{web + "/"}, "the certificate has no SPIFFE ID"},
		"too long":           {"spiffe", x509.Certificate{}, []string{web + strings.Repeat("a", 2048)}, "the name in the certificate is too long"},
		"another domain":     {"spiffe", x509.Certificate{}, []string{"spiffe://test.example.org/web"}, "the certificate is of another trust domain"},
		"a longer domain":    {"spiffe", x509.Certificate{}, []string{"spiffe://prod.example.org.evil.example/web"}, "the certificate is of another trust domain"},
		"an authority":       {"spiffe", x509.Certificate{IsCA: true, BasicConstraintsValid: true}, []string{web}, "the certificate is an authority's"},
		"may sign":           {"spiffe", x509.Certificate{KeyUsage: x509.KeyUsageCertSign}, []string{web}, "the certificate is an authority's"},
		"no DNS name":        {"dns", x509.Certificate{}, []string{web}, "the certificate has no DNS name"},
		"no subject":         {"subject", x509.Certificate{}, []string{web}, "the certificate has no subject"},
		"a huge subject":     {"subject", x509.Certificate{Subject: pkix.Name{CommonName: strings.Repeat("a", 3000)}}, nil, "the name in the certificate is too long"},
	} {
		provider := identity.NewCertificates(identity.CertificatesConfig{Name: "mesh", ID: test.id, TrustDomains: []string{"prod.example.org"}})
		caller, err := provider.Identify(t.Context(), holding(certify(t, test.template, test.uris...)))
		if err == nil {
			t.Errorf("%s: caller = %s", name, caller.JSON())
		} else if got := reasonOf(t, err); got != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCertificateClaimsAreBounded: a certificate with very many names, or long ones, makes no large caller.
func TestCertificateClaimsAreBounded(t *testing.T) {
	t.Parallel()
	template := x509.Certificate{Subject: pkix.Name{CommonName: strings.Repeat("b", 5000)}}
	for range 200 {
		template.DNSNames = append(template.DNSNames, strings.Repeat("a", 60)+".example.org")
	}
	provider := identity.NewCertificates(identity.CertificatesConfig{Name: "mesh", ID: "dns"})
	caller, err := provider.Identify(t.Context(), holding(certify(t, template)))
	if err != nil || len(caller.JSON()) > 2000 || !strings.Contains(string(caller.JSON()), `"subject":""`) {
		t.Errorf("%d bytes, %v", len(caller.JSON()), err)
	}
}

// TestCertificateEnds: a connection may last longer than its certificate; the identity does not.
func TestCertificateEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		certificate := certify(t, x509.Certificate{NotAfter: time.Now().Add(time.Minute)}, "spiffe://prod.example.org/web")
		provider := identity.NewCertificates(identity.CertificatesConfig{Name: "mesh", ID: "spiffe"})
		if _, err := provider.Identify(t.Context(), holding(certificate)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		_, err := provider.Identify(t.Context(), holding(certificate))
		if reason := reasonOf(t, err); reason != "the certificate has expired" {
			t.Errorf("reason = %q", reason)
		}
	})
}
