package compile

import (
	"strings"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

func freezeCredential(config *configv1.Credentials) plan.Credential {
	return plan.Credential{Kind: freezeCredentialKind(config)}
}

func freezeCredentialKind(config *configv1.Credentials) plan.CredentialKind {
	switch kind := config.GetKind().(type) {
	case *configv1.Credentials_Bearer:
		return plan.Bearer{Secret: freezeSecret(kind.Bearer)}
	case *configv1.Credentials_Header:
		return plan.HeaderSecret{Name: kind.Header.GetName(), Secret: freezeSecret(kind.Header)}
	case *configv1.Credentials_Query:
		return plan.QuerySecret{Name: kind.Query.GetName(), Secret: freezeSecret(kind.Query)}
	case *configv1.Credentials_Path:
		return plan.PathSecret{Prefix: kind.Path.GetPrefix(), Secret: freezeSecret(kind.Path)}
	case *configv1.Credentials_Basic:
		return plan.Basic{Username: kind.Basic.GetUsername(), Password: freezeSecret(kind.Basic.GetPassword())}
	case *configv1.Credentials_Caller:
		return plan.Caller{}
	case *configv1.Credentials_Oauth2:
		return freezeOAuth2(kind.Oauth2)
	case *configv1.Credentials_Hmac:
		return freezeHMAC(kind.Hmac)
	case *configv1.Credentials_Aws:
		return &plan.AWS{
			Region: kind.Aws.GetRegion(), Service: kind.Aws.GetService(), AccessKeyID: freezeSecret(kind.Aws.GetAccessKeyId()),
			SecretAccessKey: freezeSecret(kind.Aws.GetSecretAccessKey()), SessionToken: freezeSecret(kind.Aws.GetSessionToken()),
		}
	default:
		return nil
	}
}

func freezeOAuth2(config *configv1.Oauth2Credential) *plan.OAuth2 {
	upstream, path, _ := strings.Cut(config.GetToken(), ":") // checkCredentials has read it
	return &plan.OAuth2{
		Upstream: upstream, Path: path, Exchange: config.GetGrant() == "token_exchange", ClientID: config.GetClientId(),
		ClientSecret: freezeSecret(config.GetClientSecret()), AuthInForm: config.GetClientAuth() == "form",
		Scopes: config.GetScopes(), Form: freezeTexts(config.GetForm()),
	}
}

func freezeHMAC(config *configv1.HmacCredential) *plan.HMAC {
	frozen := &plan.HMAC{
		Header: config.GetHeader(), TimestampHeader: config.GetTimestampHeader(), Key: freezeSecret(config.GetKey()),
		SHA512: config.GetHash() == "sha512", Base64: config.GetEncoding() == "base64",
		Value: []expr.Part{{Hole: "signature"}},
	}
	frozen.Text, _ = expr.ParseTemplate(config.GetText()) // checkCredentials has read both
	if config.GetValue() != "" {
		frozen.Value, _ = expr.ParseTemplate(config.GetValue())
	}
	return frozen
}

// freezeSecret is where a secret is.
func freezeSecret(config interface {
	GetEnv() string
	GetFile() string
	GetAccount() string
}) plan.Secret {
	return plan.Secret{Env: config.GetEnv(), File: config.GetFile(), Account: config.GetAccount()}
}
