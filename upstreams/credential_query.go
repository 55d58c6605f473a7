package upstreams

import (
	"context"
	"net/url"
)

// QueryCredential is a secret in a query parameter, behind those of the call.
type QueryCredential struct {
	Name   string
	Secret Secret
}

func (q QueryCredential) newSigner(*Client) (signer, error) { return q, nil }

func (q QueryCredential) sign(_ context.Context, s *signing) error {
	value, err := s.reveal(q.Secret)
	if err != nil {
		return err
	}
	if s.URL.RawQuery != "" {
		s.URL.RawQuery += "&"
	}
	s.URL.RawQuery += url.QueryEscape(q.Name) + "=" + url.QueryEscape(value)
	return nil
}
