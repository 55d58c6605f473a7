package compile

import (
	"path/filepath"

	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// freezeRedis is none where none is declared.
func freezeRedis(d *draft) *plan.Redis {
	config, node := d.project.Config.GetRedis(), d.project.ConfigFile.Root.Get("redis")
	if config == nil {
		return nil
	}
	frozen := &plan.Redis{
		Addresses: config.GetAddresses(), Master: config.GetMaster(), Cluster: config.GetCluster(), Username: config.GetUsername(),
		Database: int(config.GetDatabase()), Timeout: duration(config.GetTimeout()), Prefix: config.GetPrefix(), At: node.Position,
	}
	if password := config.GetPassword(); password != nil {
		frozen.Password = freezeSecret(password)
		frozen.Password.At = node.Get("password").Position
	}
	if files := config.GetTls(); files != nil {
		frozen.TLS = &plan.TLS{
			CA: d.path(files.GetCa()), Certificate: d.path(files.GetCertificate()), Key: d.path(files.GetKey()),
			ServerName: files.GetServerName(), At: node.Get("tls").Position,
		}
	}
	return frozen
}

// path is a path of the author's, which is relative to sheaf.yaml, for the operating system.
func (d *draft) path(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.project.Dir, filepath.FromSlash(name))
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
