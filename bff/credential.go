package bff

import (
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// credentials are those of one upstream in the making, with the first error of its secrets.
type credentials struct {
	*secretReader

	// issuer is the client of the upstream that issues tokens; nil for none.
	issuer *client
	err    error
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
		Path: kind.Path, Exchange: kind.Exchange, ClientID: kind.ClientID,
		ClientSecret: c.secret(kind.ClientSecret), AuthInForm: kind.AuthInForm, Scopes: kind.Scopes, Form: map[string]string{},
	}
	if c.issuer != nil { // otherwise there is a problem already
		credential.Server = c.issuer.Client
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
	source, err := c.open(from)
	if c.err == nil {
		c.err = err
	}
	return upstreams.Secret{Source: source, Account: from.Account}
}
