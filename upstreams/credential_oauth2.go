package upstreams

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// OAuth2Credential is a token of an authorization server (RFC 6749), as a bearer. There is one for the upstream, or, if it is
// exchanged, one for each caller.
type OAuth2Credential struct {
	// Server is the upstream that is the authorization server, and Path where its tokens are, as in Request.
	Server *Client
	Path   string
	// Exchange exchanges the caller's own token (RFC 8693), instead of asking for one of ours.
	Exchange     bool
	ClientID     string
	ClientSecret Secret
	// AuthInForm sends the client's id and secret as fields, instead of as Authorization: Basic.
	AuthInForm bool
	Scopes     []string
	// Form holds further fields of the request.
	Form map[string]string
}

// oauth2Signer signs with tokens that it gets ahead of the end of those before.
type oauth2Signer struct {
	OAuth2Credential

	// ask makes a call on the authorization server.
	ask    call
	name   string
	tokens *tokens
}

func (o OAuth2Credential) newSigner(c *Client) (signer, error) {
	if o.Server == nil || o.Server == c {
		return nil, errors.New("oauth2 needs another upstream to get tokens from")
	}
	return newOAuth2Signer(o, o.Server.do, c.config.Name, c.config.Logger), nil
}

func newOAuth2Signer(o OAuth2Credential, ask call, name string, logger *slog.Logger) *oauth2Signer {
	made := &oauth2Signer{OAuth2Credential: o, ask: ask, name: name}
	made.tokens = newTokens(made.fetch, logger.With(slog.String("upstream", name)))
	return made
}

func (o *oauth2Signer) sign(ctx context.Context, out *outgoingRequest) error {
	subject, err := o.subjectOf(out.call)
	if err != nil {
		return err
	}
	if out.token, err = o.tokens.get(ctx, subject); err != nil {
		return err
	}
	out.carried.add(out.token.text.Reveal())
	out.setHeader("Authorization", "Bearer "+out.token.text.Reveal())
	return nil
}

func (o *oauth2Signer) renew(ctx context.Context, out *outgoingRequest) error {
	subject, err := o.subjectOf(out.call)
	if err != nil {
		return err
	}
	return o.tokens.replace(ctx, subject, out.token)
}

func (o *oauth2Signer) close() { o.tokens.close() }

// subjectOf is the token that is exchanged for ours; empty if none is.
func (o *oauth2Signer) subjectOf(call *Request) (string, error) {
	if !o.Exchange {
		return "", nil
	}
	return call.subject()
}

// fetch gets a new token.
func (o *oauth2Signer) fetch(ctx context.Context, subject string) (*token, error) {
	request, carried, err := o.request(subject)
	if err != nil {
		return nil, err
	}
	answer, err := o.ask(ctx, exchange{Request: request, carried: carried})
	if err != nil {
		return nil, err
	}
	return readToken(answer.Body)
}

const (
	grantExchange   = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
)

// request is the one for a token, with the secrets that it carries.
func (o *oauth2Signer) request(subject string) (*Request, secrets, error) {
	var carried secrets
	form := url.Values{"grant_type": {"client_credentials"}}
	if o.Exchange {
		carried.add(subject)
		form = url.Values{"grant_type": {grantExchange}, "subject_token": {subject}, "subject_token_type": {typeAccessToken}}
	}
	if len(o.Scopes) > 0 {
		form.Set("scope", strings.Join(o.Scopes, " "))
	}
	for name, value := range o.Form {
		form.Set(name, value)
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	signed := outgoingRequest{call: &Request{}, Request: http.Request{Header: header}}
	clientSecret, err := signed.reveal(o.ClientSecret)
	if err != nil {
		return nil, nil, err
	}
	if o.AuthInForm {
		form.Set("client_id", o.ClientID)
		form.Set("client_secret", clientSecret)
	} else {
		signed.setBasic(url.QueryEscape(o.ClientID), url.QueryEscape(clientSecret)) // RFC 6749, section 2.3.1
	}
	return &Request{
		Name: "token for " + o.name, Template: o.Path, Method: http.MethodPost, Path: o.Path, Header: header, Body: []byte(form.Encode()), Repeatable: true,
	}, append(carried, signed.carried...), nil
}

var _ renewer = (*oauth2Signer)(nil)
