package compile

import "github.com/sheaf-rpc/sheaf/internal/plan"

// freezeRedis is none where none is declared.
func freezeRedis(d *draft) *plan.Redis {
	config, node := d.project.Config.GetRedis(), d.project.ConfigFile.Root.Get("redis")
	if config == nil {
		return nil
	}
	frozen := &plan.Redis{
		Addresses: config.GetAddresses(), Master: config.GetMaster(), Cluster: config.GetCluster(), Username: config.GetUsername(),
		Database: int(config.GetDatabase()), Timeout: duration(config.GetTimeout()), Prefix: config.GetPrefix(), At: node.Position,
		TLS: freezeTLS(config.GetTls(), node.Get("tls")),
	}
	if password := config.GetPassword(); password != nil {
		frozen.Password = freezeSecret(password)
		frozen.Password.At = node.Get("password").Position
	}
	return frozen
}

func freezeRenewed(d *draft) *plan.Renewed {
	config, node := d.project.Config.GetAccounts().GetRenewed(), d.project.ConfigFile.Root.Get("accounts", "renewed")
	if config == nil {
		return nil
	}
	frozen := &plan.Renewed{File: config.GetFile(), Key: freezeSecret(config.GetKey()), At: node.Position}
	frozen.Key.At = node.Get("key").Position
	return frozen
}
