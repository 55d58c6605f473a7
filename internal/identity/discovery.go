package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// fetch gets the issuer's keys. The error is for logs.
func (k *issuerKeys) fetch() (fetched *keySet, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("recover from a panic: %v", cause)
		}
	}()
	ctx, cancel := context.WithTimeout(k.closing, keysTimeout)
	defer cancel()
	begun, path := time.Now(), k.config.Path
	if k.config.Discovery {
		metadata, err := k.config.Fetch(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("fetch metadata: %w", err)
		}
		if path, err = k.readMetadata(metadata); err != nil {
			return nil, err
		}
	}
	text, err := k.config.Fetch(ctx, path)
	if err != nil {
		return nil, err
	}
	if fetched, err = readKeySet(text); err != nil {
		return nil, err
	}
	fetched.fetched, fetched.goodUntil = begun, begun.Add(max(keepKeys, 2*k.config.Refresh))
	return fetched, nil
}

// readMetadata is the path of the JWK set in the metadata of an issuer (RFC 8414; OpenID Connect Discovery 1.0).
func (k *issuerKeys) readMetadata(text []byte) (path string, err error) {
	var metadata struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &metadata); err != nil {
		return "", errors.New("read metadata: answer is no JSON object with issuer and jwks_uri; write jwks: UPSTREAM:/path in the place of discovery, or the right path")
	}
	if metadata.Issuer != k.issuer {
		return "", fmt.Errorf("read metadata: it is that of issuer %.200q; write issuer: %.200s if that is the one, or its own path for discovery", metadata.Issuer, printable(metadata.Issuer))
	}
	if path = pathBelow(k.config.BaseURL, metadata.Keys); path == "" {
		return "", fmt.Errorf("read metadata: jwks_uri %.200q is not below the upstream's base_url; declare an upstream for it, and write jwks: UPSTREAM:/path in the place of discovery", metadata.Keys)
	}
	return path, nil
}

// printable is a text without what could forge a line of a log.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

// pathBelow is the path of a URL, with its query, below a base URL; empty if it is not below.
func pathBelow(base, text string) string {
	from, err := url.Parse(base)
	if err != nil {
		return ""
	}
	to, err := url.Parse(text)
	if err != nil || to.User != nil || to.Fragment != "" || !isSameOrigin(from, to) {
		return ""
	}
	below, ok := strings.CutPrefix(to.EscapedPath(), strings.TrimSuffix(from.EscapedPath(), "/"))
	isDots := func(segment string) bool { return segment == "." || segment == ".." }
	if !ok || !strings.HasPrefix(below, "/") || slices.ContainsFunc(strings.Split(strings.ReplaceAll(to.Path, `\`, "/"), "/"), isDots) {
		return ""
	}
	if to.RawQuery != "" {
		below += "?" + to.RawQuery
	}
	return below
}

func isSameOrigin(one, other *url.URL) bool {
	ports := map[string]string{"http": "80", "https": "443"}
	return one.Scheme == other.Scheme && strings.EqualFold(one.Hostname(), other.Hostname()) &&
		cmp.Or(one.Port(), ports[one.Scheme]) == cmp.Or(other.Port(), ports[other.Scheme])
}
