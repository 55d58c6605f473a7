package compile

import (
	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

func freezeCredential(config *configv1.Credentials) plan.Credential {
	switch kind := config.GetKind().(type) {
	case *configv1.Credentials_Bearer:
		return plan.Credential{Secret: freezeSecret(kind.Bearer)}
	case *configv1.Credentials_Header:
		return plan.Credential{Header: kind.Header.GetName(), Secret: freezeSecret(kind.Header)}
	case *configv1.Credentials_Query:
		return plan.Credential{Query: kind.Query.GetName(), Secret: freezeSecret(kind.Query)}
	case *configv1.Credentials_Path:
		return plan.Credential{Path: kind.Path.GetPrefix(), Secret: freezeSecret(kind.Path)}
	default:
		return plan.Credential{}
	}
}

// freezeSecret is where a secret is.
func freezeSecret(config interface {
	GetEnv() string
	GetFile() string
	GetAccount() string
}) plan.Secret {
	return plan.Secret{Env: config.GetEnv(), File: config.GetFile(), Account: config.GetAccount()}
}
