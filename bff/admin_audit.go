package bff

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// audit logs who has asked for what, and what came of it.
func (s *Server) audit() connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			response, err := next(ctx, request)
			level, code := slog.LevelInfo, connect.Code(0)
			if err != nil {
				level, code = slog.LevelWarn, connect.CodeOf(err)
			}
			attributes := append([]slog.Attr{slog.String("code", codeName(code))}, subjectOf(request.Any(), response)...)
			s.recordVisit(ctx, level, request.Spec().Procedure, attributes)
			return response, err
		}
	})
}

// auditUnread logs who has asked for what nobody could read. No interceptor meets that.
func (s *Server) auditUnread(next http.Handler) http.Handler {
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		told := &policy.Told{ResponseWriter: writer}
		next.ServeHTTP(told, request)
		if one, _ := request.Context().Value(visitKey{}).(*visit); one == nil || one.audited {
			return
		}
		var attributes []slog.Attr
		if code, known := told.Code(); known {
			attributes = append(attributes, slog.String("code", codeName(code)))
		}
		s.recordVisit(request.Context(), slog.LevelWarn, shortened(request.URL.Path), attributes)
	})
}

func (s *Server) recordVisit(ctx context.Context, level slog.Level, procedure string, attributes []slog.Attr) {
	one, ok := ctx.Value(visitKey{}).(*visit)
	if !ok {
		one = &visit{}
	}
	one.audited = true
	s.settings.logger.LogAttrs(ctx, level, "admin API",
		append([]slog.Attr{slog.String("operator", one.operator), slog.String("rpc", strings.TrimPrefix(procedure, "/"))}, attributes...)...)
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
