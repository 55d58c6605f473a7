package bff

import (
	"fmt"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// credentials are those of one upstream in the making, with the first error of its secrets.
type credentials struct {
	server *Server
	// clients are those of the upstreams that may issue tokens.
	clients map[string]*upstreams.Client
	err     error
}

// of turns what a plan says of a credential into what signs requests, and reads its secrets.
func (c *credentials) of(kind plan.CredentialKind) upstreams.Credential {
	switch kind := kind.(type) {
	case plan.Bearer:
		return upstreams.BearerCredential{Secret: c.secret(kind.Secret)}
	case plan.HeaderSecret:
		return upstreams.HeaderCredential{Name: kind.Name, Secret: c.secret(kind.Secret)}
	case plan.QuerySecret:
		return upstreams.QueryCredential{Name: kind.Name, Secret: c.secret(kind.Secret)}
	case plan.PathSecret:
		return upstreams.PathCredential{Prefix: kind.Prefix, Secret: c.secret(kind.Secret)}
	case plan.Basic:
		return upstreams.BasicCredential{Username: kind.Username, Password: c.secret(kind.Password)}
	case plan.Caller:
		return upstreams.CallerCredential{}
	case *plan.OAuth2:
		return c.oauth2(kind)
	case *plan.HMAC:
		return upstreams.HMACCredential{
			Header: kind.Header, Key: c.secret(kind.Key), SHA512: kind.SHA512, Base64: kind.Base64,
			Text: textParts(kind.Text), Value: textParts(kind.Value), TimestampHeader: kind.TimestampHeader,
		}
	case *plan.AWS:
		return upstreams.AWSCredential{
			Region: kind.Region, Service: kind.Service, AccessKeyID: c.secret(kind.AccessKeyID),
			SecretAccessKey: c.secret(kind.SecretAccessKey), SessionToken: c.secret(kind.SessionToken),
		}
	default:
		return nil
	}
}

func (c *credentials) oauth2(kind *plan.OAuth2) upstreams.Credential {
	credential := upstreams.OAuth2Credential{
		Server: c.clients[kind.Upstream], Path: kind.Path, Exchange: kind.Exchange, ClientID: kind.ClientID,
		ClientSecret: c.secret(kind.ClientSecret), AuthInForm: kind.AuthInForm, Scopes: kind.Scopes, Form: map[string]string{},
	}
	for _, field := range kind.Form {
		credential.Form[field.Name] = field.Value
	}
	return credential
}

func textParts(parts []expr.Part) []upstreams.TextPart {
	converted := make([]upstreams.TextPart, len(parts))
	for i, part := range parts {
		converted[i] = upstreams.TextPart{Literal: part.Literal, Hole: part.Hole}
	}
	return converted
}

func (c *credentials) secret(from plan.Secret) upstreams.Secret {
	source, err := c.server.openSecret(from)
	if c.err == nil {
		c.err = err
	}
	return upstreams.Secret{Source: source, Account: from.Account}
}

// openSecret reads a secret that is not an account's; one in a file is read again when it changes.
func (s *Server) openSecret(from plan.Secret) (*secret.Source, error) {
	switch {
	case from.Env != "":
		value, err := secret.FromEnv(from.Env, s.settings.lookupEnv)
		return secret.Fixed(value), err
	case from.File != "":
		return secret.Watch(from.File, s.settings.logger)
	default:
		return nil, nil
	}
}

// connect creates a client for each upstream, after those that issue its tokens.
func (s *Server) connect() (map[string]*upstreams.Client, error) {
	clients := map[string]*upstreams.Client{}
	var problems diag.Problems
	for _, upstream := range inOrder(s.plan.Upstreams) {
		reading := credentials{server: s, clients: clients}
		credential := reading.of(upstream.Credential.Kind)
		if reading.err != nil {
			problems.Add(upstream.Credential.At, 0, putThere, "%v", reading.err)
		}
		tls, wrong := s.readTLS(upstream.TLS)
		problems = append(problems, wrong...)
		if problems.Err() != nil {
			continue // it may need a client that is not there
		}
		config := s.upstreamConfig(upstream, credential)
		config.TLS = tls
		client, err := upstreams.New(config)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", upstream.At, err)
		}
		s.clients = append(s.clients, client)
		clients[upstream.Name] = client
	}
	problems.Sort()
	return clients, problems.Err()
}

// inOrder are the upstreams, each behind the one that issues its tokens. The compiler has refused cycles.
func inOrder(all []*plan.Upstream) []*plan.Upstream {
	byName := map[string]*plan.Upstream{}
	for _, upstream := range all {
		byName[upstream.Name] = upstream
	}
	var ordered []*plan.Upstream
	placed := map[string]bool{}
	var place func(*plan.Upstream)
	place = func(upstream *plan.Upstream) {
		if placed[upstream.Name] {
			return
		}
		placed[upstream.Name] = true
		if issued, ok := upstream.Credential.Kind.(*plan.OAuth2); ok {
			place(byName[issued.Upstream])
		}
		ordered = append(ordered, upstream)
	}
	for _, upstream := range all {
		place(upstream)
	}
	return ordered
}

// readAccounts reads the secrets of all accounts, and what was renewed of them.
func (s *Server) readAccounts() error {
	var problems diag.Problems
	accounts := map[string]store.Account{}
	for id, account := range s.plan.Accounts {
		secrets := map[string]*secret.Source{}
		for name, source := range account.Secrets {
			value, err := s.openSecret(source)
			if err != nil {
				problems.Add(source.At, 0, putThere, "%v", err)
			}
			secrets[name] = value
		}
		accounts[id] = store.Account{Attributes: account.Attributes, Secrets: secrets}
	}
	problems.Sort()
	if err := problems.Err(); err != nil {
		return err
	}
	s.accounts = store.NewAccounts(accounts)
	return s.keepRenewed()
}
