package bff

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// tokenProvider knows the tokens of one issuer. Worlds share it while its settings, and the client that it asks with, are the same, so
// that keys, and what is known of tokens, outlive a reload.
type tokenProvider struct {
	shared

	plan   *plan.IdentityProvider
	client *client
	// One of these is set.
	jwt           *identity.JWT
	introspection *identity.Introspection
}

// openTokenProviders finds or makes a provider for each issuer of tokens.
func (w *world) openTokenProviders(older *world) {
	for _, from := range w.identityProviders() {
		var asked *client
		switch {
		case from.JWT != nil:
			asked = w.client(from.JWT.Upstream)
		case from.Introspection != nil:
			asked = w.client(from.Introspection.Upstream)
		default:
			continue
		}
		found := older.tokenProviderFor(from, asked)
		if found == nil {
			found = w.newTokenProvider(from, asked)
		}
		found.use()
		w.tokenProviders = append(w.tokenProviders, found)
	}
}

// tokenProviderFor is a provider that does for another; nil for none. The world may be nil.
func (w *world) tokenProviderFor(from *plan.IdentityProvider, asked *client) *tokenProvider {
	if w == nil {
		return nil
	}
	at := slices.IndexFunc(w.tokenProviders, func(one *tokenProvider) bool { return one.client == asked && one.plan.Same(from) })
	if at < 0 {
		return nil
	}
	return w.tokenProviders[at]
}

func (w *world) newTokenProvider(from *plan.IdentityProvider, asked *client) *tokenProvider {
	made := &tokenProvider{plan: from, client: asked}
	if from.JWT != nil {
		made.jwt = identity.NewJWT(w.jwtConfig(from, asked))
		made.close = made.jwt.Close
		return made
	}
	made.introspection = identity.NewIntrospection(identity.IntrospectionConfig{
		Name: from.Name, Ask: introspect(asked.Client, from), Audiences: from.Introspection.Audiences, Keep: from.Introspection.Keep,
		ID: from.Introspection.ID, Scopes: from.Introspection.Scopes,
	})
	made.close = made.introspection.Close
	return made
}

func (w *world) jwtConfig(from *plan.IdentityProvider, asked *client) identity.JWTConfig {
	jwt := from.JWT
	return identity.JWTConfig{
		Name: from.Name, Issuer: jwt.Issuer, Audiences: jwt.Audiences, Algorithms: jwt.Algorithms, Types: jwt.Types, ClockSkew: jwt.ClockSkew,
		ID: jwt.ID, Scopes: jwt.Scopes,
		Keys: identity.KeysConfig{
			Fetch: fetchKeys(asked.Client, from.Name), BaseURL: asked.plan.BaseURL, Path: jwt.Path, Discovery: jwt.Discovery, Refresh: jwt.Refresh,
			Logger: w.server.settings.logger,
		},
	}
}

// bearer knows the tokens of the providers that count; nil if there are none.
func (w *world) bearer(counts func(name string) bool) identity.Provider {
	var jwts []*identity.JWT
	var introspection *identity.Introspection
	for _, one := range w.tokenProviders {
		switch {
		case !counts(one.plan.Name):
		case one.jwt != nil:
			jwts = append(jwts, one.jwt)
		default:
			introspection = one.introspection // the compiler has refused a second one
		}
	}
	if jwts == nil && introspection == nil {
		return nil
	}
	return identity.NewBearer(jwts, introspection)
}

// fetchKeys gets what an issuer publishes.
func fetchKeys(client *upstreams.Client, name string) func(context.Context, string) ([]byte, error) {
	return func(ctx context.Context, target string) ([]byte, error) {
		path, query, _ := strings.Cut(target, "?")
		answer, err := client.Do(ctx, &upstreams.Request{
			Name: "keys for identity " + name, Template: path, Method: http.MethodGet, Path: path, Query: query, Header: http.Header{"Accept": {"application/json"}},
		})
		if err != nil {
			return nil, err
		}
		return answer.Body, nil
	}
}

// introspect asks an authorization server about a token (RFC 7662, section 2.1).
func introspect(client *upstreams.Client, from *plan.IdentityProvider) func(context.Context, string) ([]byte, error) {
	path, query, _ := strings.Cut(from.Introspection.Path, "?")
	header := http.Header{"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	return func(ctx context.Context, token string) ([]byte, error) {
		form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
		answer, err := client.DoCarrying(ctx, &upstreams.Request{
			Name: "token for identity " + from.Name, Template: path, Method: http.MethodPost, Path: path, Query: query, Header: header,
			Body: []byte(form.Encode()), Repeatable: true,
		}, secret.NewValue(token))
		if failure, ok := errors.AsType[*upstreams.Error](err); ok && failure.Kind == upstreams.KindRejected {
			return nil, fmt.Errorf("%w: %w", identity.ErrNoQuestion, err)
		}
		if err != nil {
			return nil, err
		}
		return answer.Body, nil
	}
}
