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

	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// operator is one who may use the admin API.
type operator struct {
	name  string
	token secret.Value
}

type operatorKey struct{}

// forOperators lets requests through that carry the token of an operator of the newest files.
func (s *Server) forOperators(next http.Handler) http.Handler {
	failures := connect.NewErrorWriter()
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
		if name := s.current.Load().operatorOf(token); name != "" && strings.EqualFold(scheme, "Bearer") {
			next.ServeHTTP(writer, request.WithContext(context.WithValue(request.Context(), operatorKey{}, name)))
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

// audit logs who has asked for what, and what came of it.
func (s *Server) audit() connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			response, err := next(ctx, request)
			level, code := slog.LevelInfo, connect.Code(0)
			if err != nil {
				level, code = slog.LevelWarn, connect.CodeOf(err)
			}
			name, _ := ctx.Value(operatorKey{}).(string)
			attributes := []slog.Attr{slog.String("operator", name), slog.String("rpc", strings.TrimPrefix(request.Spec().Procedure, "/")), slog.String("code", codeName(code))}
			s.settings.logger.LogAttrs(ctx, level, "admin API", append(attributes, subjectOf(request.Any(), response)...)...)
			return response, err
		}
	})
}

// subjectOf is what a request is about. It is no key and no token, even where one was sent instead of a name.
func subjectOf(request any, response connect.AnyResponse) []slog.Attr {
	switch request := request.(type) {
	case *adminv1.GetPlanRequest:
		return []slog.Attr{slog.String("plan", request.GetRpc())}
	case *adminv1.ListUsageRequest:
		return []slog.Attr{slog.String("provider", request.GetProvider()), slog.String("caller", request.GetCaller())}
	case *adminv1.ListKeysRequest:
		return []slog.Attr{slog.String("provider", request.GetProvider())}
	case *adminv1.CreateKeyRequest:
		attributes := []slog.Attr{slog.String("provider", request.GetProvider()), slog.String("caller", request.GetCaller())}
		if made, ok := response.(*connect.Response[adminv1.CreateKeyResponse]); ok && made != nil {
			attributes = append(attributes, slog.String("key", made.Msg.GetKey().GetPrefix()))
		}
		return attributes
	case *adminv1.RevokeKeyRequest:
		return []slog.Attr{slog.String("provider", request.GetProvider()), slog.String("key", prefixOf(request.GetPrefix()))}
	default:
		return nil
	}
}

// prefixOf is the prefix that a key is named by; empty for what is none.
func prefixOf(named string) string {
	if prefix, ok := identity.PrefixOf(named); ok {
		return prefix
	}
	if identity.IsPrefix(named) {
		return named
	}
	return ""
}
