package plan

import (
	"time"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// Redis says where a Redis is. A zero number or text means the default of package store.
type Redis struct {
	// Addresses are host:port of the server, of nodes of a cluster, or of Sentinels if there is a Master.
	Addresses []string
	Master    string
	// Cluster is set if one address alone is a cluster's.
	Cluster  bool
	Username string
	// Password says where it is; the zero Secret means none.
	Password Secret
	TLS      *TLS // nil for clear text; without pins
	Database int
	Timeout  time.Duration
	Prefix   string
	At       diag.Position
}

// Renewed says where renewed secrets of accounts are kept.
type Renewed struct {
	// File is a path; empty for in Redis.
	File string
	// Key says where the key is that they are sealed with.
	Key Secret
	At  diag.Position
}

// egress is what is sent to each of its addresses.
func (r *Redis) egress() []Egress {
	if r == nil {
		return nil
	}
	scheme, credential := "redis://", ""
	if r.TLS != nil {
		scheme = "rediss://"
	}
	if !r.Password.IsZero() {
		credential = "password from " + r.Password.describe()
	}
	all := make([]Egress, len(r.Addresses))
	for i, address := range r.Addresses {
		all[i] = Egress{Upstream: "redis:", BaseURL: scheme + address, Network: "any", Credential: credential, Requests: []EgressRequest{}}
	}
	return all
}
