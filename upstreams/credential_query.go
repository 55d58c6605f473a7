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

func (q QueryCredential) sign(_ context.Context, out *outgoingRequest) error {
	value, err := out.reveal(q.Secret)
	if err != nil {
		return err
	}
	if out.URL.RawQuery != "" {
		out.URL.RawQuery += "&"
	}
	out.URL.RawQuery += url.QueryEscape(q.Name) + "=" + url.QueryEscape(value)
	return nil
}
