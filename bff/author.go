package bff

import (
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// AuthorError says that the author's files are wrong. Its Problems name file, line and column.
type AuthorError = diag.Error

// suggestion is what to say besides that an RPC is unknown.
func (s *Server) suggestion(name string) string {
	var known []string
	for _, service := range s.plan.Services {
		for _, rpc := range service.RPCs {
			known = append(known, string(rpc.Method.Name()), rpc.Name())
		}
	}
	if hint := diag.DidYouMean("RPCs", name, known); hint != "" {
		return "; " + hint
	}
	return ""
}
