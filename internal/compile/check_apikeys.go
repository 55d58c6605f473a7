package compile

import (
	"cmp"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/source"
)

// defaultKeyHeader carries a key, where nothing else is said.
const defaultKeyHeader = "X-Api-Key"

// checkKeyProviders refuses keys that no request could carry, that nothing could keep, or that two providers would claim.
func (d *draft) checkKeyProviders(providers []source.Field) {
	headers, files := map[string]string{}, map[string]string{}
	for _, provider := range providers {
		node := provider.Value.Get("api_key")
		if node == nil {
			continue
		}
		d.needRedis(node.Get("redis"))
		d.checkKeyFile(node.Get("file"), files, provider.Key)
		d.checkKeyHeader(node, headers, provider.Key)
	}
}

// checkKeyFile refuses a file that cannot be one of keys. What others have is by the text of the path.
func (d *draft) checkKeyFile(file *source.Node, others map[string]string, provider string) {
	if file == nil || isOpen(file.Text) {
		return
	}
	const hint = "name a file of its own, such as state/keys.json"
	accounts := d.project.ConfigFile.Root.Get("accounts", "file")
	switch {
	case file.Text == "":
		d.report(file, hint, "file has no path")
	case others[file.Text] != "":
		d.report(file, hint, "the file is that of %s, and a key is one provider's", others[file.Text])
	case accounts != nil && accounts.Text == file.Text:
		d.report(file, hint, "the file of accounts cannot be that of keys, too")
	}
	others[file.Text] = provider
}

// checkKeyHeader refuses a header that keys cannot be in. What others have is by the header's name in lower case.
func (d *draft) checkKeyHeader(node *source.Node, others map[string]string, provider string) {
	header, at := defaultKeyHeader, node
	if named := node.Get("header"); named != nil && named.Text != "" {
		header, at = named.Text, named
	}
	lower := strings.ToLower(header)
	_, isHTTPs := unsendable[lower]
	switch {
	case isOpen(header):
	case lower == "authorization":
		d.report(at, "write X-Api-Key", "Authorization is for tokens")
	case isHTTPs || isProtocolHeader(header) || lower == "cookie":
		d.report(at, "write X-Api-Key", "header %q cannot carry a key", header)
	case others[lower] != "":
		d.report(at, "give it a header of its own", "keys of %s are in header %s, too", others[lower], header)
	}
	others[lower] = provider
}

// isKeyHeader reports whether callers' keys are in a header.
func (d *draft) isKeyHeader(name string) bool {
	for _, provider := range d.project.Config.GetPolicy().GetIdentity() {
		if key := provider.GetApiKey(); key != nil && strings.EqualFold(name, cmp.Or(key.GetHeader(), defaultKeyHeader)) {
			return true
		}
	}
	return false
}
