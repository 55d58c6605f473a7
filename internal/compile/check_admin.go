package compile

import (
	"github.com/sheaf-rpc/sheaf/internal/plan"
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
	d.checkNamedSecrets(node.Get("token"))
	if account := node.Get("token", "account"); account != nil {
		d.report(account, "write env: or file:", "the token of admin is no account's")
	}
}

// freezeAdmin is the admin API; the zero Admin is none.
func (d *draft) freezeAdmin() plan.Admin {
	config := d.project.Config.GetAdmin()
	if config == nil {
		return plan.Admin{}
	}
	token := freezeSecret(config.GetToken())
	if at := d.project.ConfigFile.Root.Get("admin", "token"); at != nil {
		token.At = at.Position
	}
	return plan.Admin{
		Listen: config.GetListen(), Token: token, TLS: freezeServerTLS(config.GetTls(), d.project.ConfigFile.Root.Get("admin", "tls")),
	}
}
