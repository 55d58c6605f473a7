package bff

import (
	"io"
	"net/http"
	"weak"
)

// Worlds gives the current world as something that does not keep it, and a test of whether it is there still.
func (s *Server) World() (alive func() bool) {
	pointer := weak.Make(s.current.Load())
	return func() bool { return pointer.Value() != nil }
}

// Users are the requests in flight in the current world.
func (s *Server) Users() int64 { return s.current.Load().users.Load() - 1 }

// APIKeys is a provider of API keys in the current world.
func (s *Server) APIKeys(name string) any { return s.current.Load().apiKeys(name) }

// TellPeers makes the public listener of the current world answer with what its policy sees of the peer.
func (s *Server) TellPeers() {
	l := s.current.Load().public
	l.rpcs = nil
	l.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, l.peerOf(r).IP+" "+l.peerOf(r).Listener)
	})
}

// Validates reports whether requests of an RPC are checked against the contract's rules.
func (s *Server) Validates(rpc string) bool {
	return s.current.Load().procedures[rpc].validate() != nil
}
