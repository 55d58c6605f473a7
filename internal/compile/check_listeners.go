package compile

import (
	"net"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// defaultListen is where clients call if sheaf.yaml does not say it.
const defaultListen = "127.0.0.1:8080"

// checkListeners refuses listeners that nobody could reach, that take each other's address, or that could not speak TLS.
func (d *draft) checkListeners() {
	root := d.project.ConfigFile.Root
	d.checkListen(root.Get("listen"), "listen", "127.0.0.1:8080")
	d.checkListen(root.Get("internal", "listen"), "listen of internal", "10.0.0.1:8081")
	d.checkListen(root.Get("admin", "listen"), "listen of admin", "127.0.0.1:9090")
	d.checkAddresses()
	for _, of := range []string{"server", "internal", "admin"} {
		d.checkServerTLS(root.Get(of, "tls"))
	}
	d.checkProxies(root.Get("server"))
	d.checkCORS(root.Get("server", "cors"))
}

func (d *draft) checkListen(at *source.Node, what, example string) {
	if at == nil || strings.Contains(at.Text, "${") { // it is filled where the project is served
		return
	}
	if _, port, err := net.SplitHostPort(at.Text); err != nil || port == "" {
		d.report(at, "write it as "+example, "%s is no host:port", what)
	}
}

// checkAddresses refuses two listeners on one address.
func (d *draft) checkAddresses() {
	root := d.project.ConfigFile.Root
	public, internal, admin := d.project.Config.GetListen(), root.Get("internal", "listen"), root.Get("admin", "listen")
	if public == "" {
		public = defaultListen
	}
	if internal != nil && collide(internal.Text, public) {
		d.report(internal, "give it an address of its own, such as 10.0.0.1:8081", "internal listens on the address that clients call")
	}
	switch {
	case admin == nil:
	case collide(admin.Text, public):
		d.report(admin, "give it a port of its own, such as 127.0.0.1:9090", "admin listens on the address that clients call")
	case internal != nil && collide(admin.Text, internal.Text):
		d.report(admin, "give it a port of its own, such as 127.0.0.1:9090", "admin listens on the address of internal")
	}
}

// collide reports whether only one of two addresses can be listened on: they have one port, and one host or all of them.
func collide(one, two string) bool {
	hostOne, portOne, err := net.SplitHostPort(one)
	if err != nil {
		return false
	}
	hostTwo, portTwo, err := net.SplitHostPort(two)
	if err != nil || portOne != portTwo || portOne == "0" || isOpen(one) || isOpen(two) {
		return false
	}
	return hostOne == hostTwo || isEveryHost(hostOne) || isEveryHost(hostTwo)
}

func isEveryHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

func (d *draft) checkServerTLS(node *source.Node) {
	required := node.Get("require_client_certificate")
	if required != nil && required.Text == "true" && node.Get("client_ca") == nil {
		d.report(required, "add client_ca: and a file of the authorities (PEM)", "no authority of clients' certificates is named")
	}
}

// parseInternal finds the RPCs of the internal listener, and whose proofs count there.
func parseInternal(d *draft) error {
	node := d.project.ConfigFile.Root.Get("internal")
	if node == nil {
		return nil
	}
	d.internal = procedures(d.matching(node.Get("rpcs")))
	names := node.Get("identity")
	if names == nil {
		return nil
	}
	providers := d.project.Config.GetPolicy().GetIdentity()
	for _, name := range names.Items {
		switch provider := providers[name.Text]; {
		case provider == nil:
			d.report(name, diag.DidYouMean("identity providers", name.Text, sortedKeys(providers)), "unknown identity provider %q", name.Text)
		case provider.GetMtls() != nil && node.Get("tls", "client_ca") == nil:
			d.report(name, "add client_ca to tls of internal", "%s takes clients' certificates, and internal asks for none", name.Text)
		}
	}
	return nil
}

// freezeInternal is the internal listener; nil for none.
func (d *draft) freezeInternal() *plan.Internal {
	config := d.project.Config.GetInternal()
	if config == nil {
		return nil
	}
	return &plan.Internal{
		Listen: config.GetListen(), RPCs: d.internal, Identity: config.GetIdentity(),
		TLS: freezeServerTLS(config.GetTls(), d.project.ConfigFile.Root.Get("internal", "tls")),
	}
}

// hasReflection reports whether the contract can be read over gRPC reflection.
func (d *draft) hasReflection() bool {
	server := d.project.Config.GetServer()
	return server == nil || server.Reflection == nil || server.GetReflection()
}
