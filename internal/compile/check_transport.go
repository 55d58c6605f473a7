package compile

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/source"
)

// checkTransport refuses connections that could never be made, and settings that contradict each other. What holds a hole is
// checked where the hole is filled.
func (d *draft) checkTransport(upstream *source.Node) {
	base, balance, proxy, tls := upstream.Get("base_url"), upstream.Get("balance"), upstream.Get("proxy"), upstream.Get("tls")
	switch {
	case balance == nil:
	case strings.Contains(base.Text, "${account."):
		d.report(base, "remove balance, or write one base_url for all accounts", "balance needs one base_url, and this one depends on the account")
	case proxy != nil:
		d.report(proxy, "remove one of them", "proxy and balance exclude each other: behind a proxy, it is the proxy that chooses an address")
	}
	d.checkBalance(balance)
	d.checkProxy(proxy)
	if tls != nil {
		if strings.HasPrefix(base.Text, "http://") {
			d.report(base, "write https://, or remove tls", "base_url begins with http://, so that tls is never used")
		}
		d.checkTLS(tls)
	}
}

func (d *draft) checkBalance(balance *source.Node) {
	if balance == nil {
		return
	}
	for _, one := range balance.Get("addresses").Items {
		d.checkAddress(one)
	}
	if path := balance.Get("health_check", "get"); path != nil && !isOpen(path.Text) {
		if _, err := url.ParseRequestURI(path.Text); err != nil || strings.Contains(path.Text, "#") {
			d.report(path, "write it as /healthz, a path below base_url", "%q is no path", path.Text)
		}
	}
}

func (d *draft) checkAddress(at *source.Node) {
	if !isOpen(at.Text) && !isHostPort(at.Text) {
		d.report(at, "write it as 10.0.0.1:8080 or as [2001:db8::1]:8080", "%q is no host:port", at.Text)
	}
}

// isHostPort reports whether a text is a host and the number of a port.
func isHostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	number, wrong := strconv.ParseUint(port, 10, 16)
	return err == nil && wrong == nil && number != 0 && host != "" && !strings.ContainsAny(host, "/@ ")
}

func (d *draft) checkProxy(at *source.Node) {
	if at == nil || isOpen(at.Text) {
		return
	}
	const example = "write it as http://egress.internal:3128"
	proxy, err := url.Parse(at.Text)
	switch {
	case err != nil:
		d.report(at, example, "proxy is no URL")
	case proxy.Scheme != "http" && proxy.Scheme != "https":
		d.report(at, example, "proxy does not begin with http:// or https://")
	case proxy.Hostname() == "":
		d.report(at, example, "proxy has no host")
	case proxy.User != nil:
		d.report(at, "let the proxy know this machine by its address", "proxy holds a user or a password, which no file should")
	case strings.Trim(proxy.Path, "/") != "" || proxy.RawQuery != "" || proxy.Fragment != "":
		d.report(at, example, "proxy holds more than scheme, host and port")
	}
}

func (d *draft) checkTLS(tls *source.Node) {
	certificate, key := tls.Get("certificate"), tls.Get("key")
	switch {
	case certificate != nil && key == nil:
		d.report(certificate, "write key: and the file of its key", "certificate has no key")
	case key != nil && certificate == nil:
		d.report(key, "write certificate: and the file of its certificate", "key has no certificate")
	}
}

// isOpen reports whether a text has a hole that is filled where it runs, by the environment or by the account.
func isOpen(text string) bool {
	return strings.Contains(text, "${env.") || strings.Contains(text, "${account.")
}
