package plan

import (
	"cmp"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Destination is where connections are made to.
type Destination struct {
	// Host is a name or an address.
	Host string `json:"host"`
	Port int    `json:"port"`
}

// EgressTrust says which servers an upstream's connections accept, and what they show of themselves.
type EgressTrust struct {
	// PrivateCA is set if other authorities are trusted than the system's.
	PrivateCA bool `json:"private_ca,omitempty"`
	// ClientCertificate is set if connections show one.
	ClientCertificate bool     `json:"client_certificate,omitempty"`
	Pins              []string `json:"pins,omitempty"`
	ServerName        string   `json:"server_name,omitempty"`
}

// destinations are where an upstream's connections are made to, sorted.
func (p *Plan) destinations(upstream *Upstream) []Destination {
	found := []Destination{}
	switch {
	case upstream.Proxy != "":
		found = appendURL(found, upstream.Proxy)
	case upstream.Balance != nil:
		for _, one := range upstream.Balance.Addresses {
			if host, port, err := net.SplitHostPort(one); err == nil {
				found = appendDestination(found, host, port)
			}
		}
	default:
		for _, base := range p.baseURLs(upstream) {
			found = appendURL(found, base)
		}
	}
	slices.SortFunc(found, func(a, b Destination) int { return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port)) })
	return slices.Compact(found)
}

// baseURLs are those of all accounts, where each has its own.
func (p *Plan) baseURLs(upstream *Upstream) []string {
	if !strings.Contains(upstream.BaseURL, "${account.") {
		return []string{upstream.BaseURL}
	}
	var all []string
	for _, account := range p.Accounts {
		filled := upstream.BaseURL
		for name, value := range account.Attributes {
			filled = strings.ReplaceAll(filled, "${account."+name+"}", value)
		}
		all = append(all, filled)
	}
	return all
}

// appendURL adds where a URL leads to, unless a hole keeps that from being known.
func appendURL(to []Destination, text string) []Destination {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" {
		return to
	}
	return appendDestination(to, parsed.Hostname(), cmp.Or(parsed.Port(), map[string]string{"http": "80", "https": "443"}[parsed.Scheme]))
}

func appendDestination(to []Destination, host, port string) []Destination {
	number, err := strconv.Atoi(port)
	if err != nil || strings.Contains(host, "${") {
		return to
	}
	return append(to, Destination{Host: host, Port: number})
}

func trustOf(tls *TLS) *EgressTrust {
	if tls == nil {
		return nil
	}
	return &EgressTrust{PrivateCA: tls.CA.Path != "", ClientCertificate: tls.Certificate.Path != "", Pins: tls.Pins, ServerName: tls.ServerName}
}

// connections say, for people, where connections go, and whom they trust.
func (e *Egress) connections() []string {
	var lines []string
	if e.Proxy != "" {
		lines = append(lines, "through proxy "+e.Proxy)
	} else if len(e.Destinations) > 0 {
		lines = append(lines, "connects to "+strings.Join(destinationTexts(e.Destinations), ", "))
	}
	if e.Trust != nil {
		if text := e.Trust.describe(); text != "" {
			lines = append(lines, "TLS with "+text)
		}
	}
	return lines
}

func destinationTexts(destinations []Destination) []string {
	texts := make([]string, len(destinations))
	for i, one := range destinations {
		texts[i] = net.JoinHostPort(one.Host, strconv.Itoa(one.Port))
	}
	return texts
}

func (t *EgressTrust) describe() string {
	var parts []string
	if t.PrivateCA {
		parts = append(parts, "authorities of its own")
	}
	if t.ClientCertificate {
		parts = append(parts, "a client certificate")
	}
	if t.ServerName != "" {
		parts = append(parts, "server name "+t.ServerName)
	}
	if len(t.Pins) > 0 {
		parts = append(parts, counted(len(t.Pins), "pinned key"))
	}
	return strings.Join(parts, ", ")
}
