package compile

import (
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/source"
)

// checkRedis refuses a Redis that could not be connected to.
func (d *draft) checkRedis() {
	node, config := d.project.ConfigFile.Root.Get("redis"), d.project.Config.GetRedis()
	if config == nil {
		return
	}
	for _, address := range node.Get("addresses").Items {
		if !isOpen(address.Text) && !isHostPort(address.Text) {
			d.report(address, "write it as redis.internal:6379", "%q is no host:port", address.Text)
		}
	}
	sentinel, cluster := config.GetMaster() != "", config.GetCluster()
	if sentinel && cluster {
		d.report(node.Get("cluster"), "keep master for Sentinels, or cluster for a cluster", "a master of Sentinels is no cluster")
	}
	if config.GetDatabase() != 0 && !sentinel && (cluster || len(config.GetAddresses()) > 1) {
		d.report(node.Get("database"), "remove it", "a cluster has no database but 0")
	}
	if prefix := node.Get("prefix"); prefix != nil && !isOpen(prefix.Text) && strings.ContainsAny(prefix.Text, "{}") {
		d.report(prefix, "write it without braces: they decide the node of a cluster", "prefix holds a brace")
	}
	d.checkOwnSecret(node.Get("password"))
	d.checkTLS(node.Get("tls"))
	if pins := node.Get("tls", "pins"); pins != nil {
		d.report(pins, "name the authority with ca", "pins are not for Redis")
	}
}

// needRedis refuses what stands at a node, if anything does, where no Redis is declared.
func (d *draft) needRedis(at *source.Node) {
	if at != nil && d.project.Config.GetRedis() == nil {
		d.report(at, "add redis: {addresses: [redis.internal:6379]} to sheaf.yaml", "there is no Redis")
	}
}

// checkOwnSecret refuses a secret of an account where there is no account.
func (d *draft) checkOwnSecret(node *source.Node) {
	d.checkNamedSecrets(node)
	if account := node.Get("account"); account != nil {
		d.report(account, "write env: or file:", "no account is known here")
	}
}

// checkCacheStore refuses a cache whose settings are not those of where it is.
func (d *draft) checkCacheStore(node *source.Node) {
	store := node.Get("store")
	if store == nil || store.Text != "redis" {
		return
	}
	d.needRedis(store)
	if size := node.Get("max_bytes"); size != nil {
		d.report(size, "remove it; maxmemory of Redis is the bound", "max_bytes bounds a cache in memory")
	}
}

// checkRenewed refuses a place for renewed secrets where none can be, and a key that is none.
func (d *draft) checkRenewed() {
	node := d.project.ConfigFile.Root.Get("accounts", "renewed")
	d.needRedis(node.Get("redis"))
	if file := node.Get("file"); file != nil && !isOpen(file.Text) && file.Text == d.project.ConfigFile.Root.Get("accounts", "file").Text {
		d.report(file, "name a file of its own, such as state/accounts.sealed", "the file of accounts cannot be that of renewed secrets, too")
	}
	d.checkOwnSecret(node.Get("key"))
}
