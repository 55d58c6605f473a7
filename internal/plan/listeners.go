package plan

import (
	"net/netip"
	"time"
)

// Internal is the listener of RPCs that are not for the public.
type Internal struct {
	Listen string
	// RPCs are those that are served there alone, by their full names.
	RPCs map[string]bool
	// Identity are the names of the providers whose proofs count there; none for all.
	Identity []string
	TLS      *ServerTLS // nil for clear text
}

// ServerTLS is how a listener speaks TLS.
type ServerTLS struct {
	Certificate, Key File
	// ClientCA holds the authorities of clients' certificates; the zero File asks for none.
	ClientCA File
	// RequireClientCertificate refuses clients without one.
	RequireClientCertificate bool
}

// Proxies are those in front of the public listener.
type Proxies struct {
	// Trusted are the addresses of those whose word counts on where a request comes from.
	Trusted []netip.Prefix
	// Protocol is set if each of their connections begins with the PROXY protocol.
	Protocol bool
}

// CORS says which pages of other origins may call.
type CORS struct {
	// Origins are exact, or * alone.
	Origins []string
	// Headers are those that pages may send, and ExposeHeaders those that they may read, besides those of the protocols and of Sheaf.
	Headers, ExposeHeaders []string
	Credentials            bool
	MaxAge                 time.Duration
}

// IsInternal reports whether an RPC is served on the internal listener alone.
func (s *Server) IsInternal(procedure string) bool {
	return s.Internal != nil && s.Internal.RPCs[procedure]
}
