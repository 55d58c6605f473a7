package compile

import (
	"net"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// checkAdmin refuses an admin API that nobody could reach, or that has no token of its own.
func (d *draft) checkAdmin() {
	node := d.project.ConfigFile.Root.Get("admin")
	if node == nil {
		return
	}
	const example = "write it as 127.0.0.1:9090"
	listen := node.Get("listen")
	switch _, port, err := net.SplitHostPort(listen.Text); {
	case strings.Contains(listen.Text, "${"): // it is filled where the project is served
	case err != nil || port == "":
		d.report(listen, example, "listen of admin is no host:port")
	case listen.Text == d.project.Config.GetListen():
		d.report(listen, "give it a port of its own, such as 127.0.0.1:9090", "admin listens on the address that clients call")
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
	token.At = d.project.ConfigFile.Root.Get("admin", "token").Position
	return plan.Admin{Listen: config.GetListen(), Token: token}
}
