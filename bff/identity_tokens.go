package bff

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

func (w *world) jwtConfig(from *plan.IdentityProvider, asked *client) identity.JWTConfig {
	jwt := from.JWT
	return identity.JWTConfig{
		Name: from.Name, Issuer: jwt.Issuer, Audiences: jwt.Audiences, Algorithms: jwt.Algorithms, Types: jwt.Types, ClockSkew: jwt.ClockSkew,
		ID: jwt.ID, Scopes: jwt.Scopes,
		Keys: identity.IssuerKeysConfig{
			Fetch: fetchKeys(asked.Client, from.Name), BaseURL: asked.plan.BaseURL, Path: jwt.Path, Discovery: jwt.Discovery, Refresh: jwt.Refresh,
			Logger: w.server.settings.logger,
		},
	}
}

func introspectionConfig(from *plan.IdentityProvider, asked *client) identity.IntrospectionConfig {
	introspection := from.Introspection
	return identity.IntrospectionConfig{
		Name: from.Name, Ask: introspect(asked.Client, from), Audiences: introspection.Audiences, Keep: introspection.Keep,
		ID: introspection.ID, Scopes: introspection.Scopes,
	}
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
