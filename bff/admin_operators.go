package bff

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// operator is one who may use the admin API.
type operator struct {
	name  string
	token secret.Value
}

// visit is one request of an operator's.
type visit struct {
	operator string
	// audited is set once the log says what it was about.
	audited bool
}

type visitKey struct{}

// forOperators lets requests through that carry the token of an operator of the newest files.
func (s *Server) forOperators(next http.Handler) http.Handler {
	failures := connect.NewErrorWriter()
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
		if name := s.current.Load().operatorOf(token); name != "" && strings.EqualFold(scheme, "Bearer") {
			next.ServeHTTP(writer, request.WithContext(context.WithValue(request.Context(), visitKey{}, &visit{operator: name})))
			return
		}
		s.settings.logger.LogAttrs(request.Context(), slog.LevelWarn, "a request to the admin API was refused",
			slog.String("path", request.URL.Path), slog.String("peer", request.RemoteAddr))
		writer.Header().Set("WWW-Authenticate", "Bearer")
		refused := connect.NewError(connect.CodeUnauthenticated, errors.New("the admin API needs its token, as Authorization: Bearer"))
		policy.Refuse(failures, writer, request, refused)
	})
}

// operatorOf is the name of the operator with a token; empty for none. It takes a time that tells nothing of the tokens, their lengths
// included.
func (w *world) operatorOf(token string) string {
	name, got := "", sha256.Sum256([]byte(token))
	for _, one := range w.operators {
		want := sha256.Sum256([]byte(one.token.Reveal()))
		if subtle.ConstantTimeCompare(want[:], got[:]) == 1 {
			name = one.name
		}
	}
	return name
}

// readOperators reads the tokens of the admin API. No two are the same, or the log would name the wrong operator.
func (w *world) readOperators() error {
	seen := map[string]string{}
	for _, from := range w.plan.Server.Admin.Operators {
		token, err := w.reader().read(from.Token)
		if err != nil {
			return problemAt(from.Token.At, putThere, err)
		}
		if other := seen[token.Reveal()]; other != "" {
			return problemAt(from.Token.At, "give each a token of its own", fmt.Errorf("operators %s and %s have the same token", other, from.Name))
		}
		seen[token.Reveal()] = from.Name
		w.operators = append(w.operators, operator{from.Name, token})
	}
	return nil
}
