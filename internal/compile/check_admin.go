package compile

import (
	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// checkAdmin refuses an admin API that has no token of its own.
func (d *draft) checkAdmin() {
	node := d.project.ConfigFile.Root.Get("admin")
	if node == nil {
		return
	}
	if node.Get("token") == nil && node.Get("operators") == nil {
		d.report(node, "add token: {env: ADMIN_TOKEN}, or operators with a token each", "admin has no token")
	}
	tokens := append([]source.Field{{Key: "token", Value: node.Get("token")}}, fieldsOf(node.Get("operators"))...)
	for i, token := range tokens {
		d.checkNamedSecrets(token.Value)
		if account := token.Value.Get("account"); account != nil {
			d.report(account, "write env: or file:", "the token of admin is no account's")
		}
		if i > 0 && token.Key == plan.TokenOperator {
			d.reportKey(token, "choose another name", "an operator cannot be named %q: whoever has the token without a name is", token.Key)
		}
	}
}

// freezeAdmin is the admin API; the zero Admin is none.
func (d *draft) freezeAdmin() plan.Admin {
	config, node := d.project.Config.GetAdmin(), d.project.ConfigFile.Root.Get("admin")
	frozen := plan.Admin{Listen: config.GetListen(), TLS: freezeServerTLS(config.GetTls(), node.Get("tls"))}
	for _, name := range sortedKeys(config.GetOperators()) {
		frozen.Operators = append(frozen.Operators, d.freezeOperator(name, config.GetOperators()[name], node.Get("operators", name)))
	}
	if config.GetToken() != nil {
		frozen.Operators = append(frozen.Operators, d.freezeOperator(plan.TokenOperator, config.GetToken(), node.Get("token")))
	}
	return frozen
}

func (*draft) freezeOperator(name string, config *configv1.Secret, node *source.Node) plan.Operator {
	token := freezeSecret(config)
	token.At = node.Position
	return plan.Operator{Name: name, Token: token}
}
