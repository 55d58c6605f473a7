package policy

import (
	"context"

	"connectrpc.com/connect"
)

// Outcome notes what a call is answered with. It comes before all interceptors whose errors count.
func Outcome() connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			response, err := next(ctx, request)
			if call := From(ctx); call != nil {
				call.Code = codeOf(err)
			}
			return response, err
		}
	})
}

// codeOf is the code of an error; 0 for none.
func codeOf(err error) connect.Code {
	if err == nil || connect.IsNotModifiedError(err) {
		return 0
	}
	return connect.CodeOf(err)
}
