package aggregate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/urltemplate"
)

// checkRequest refuses a request with a value that cannot stand in the path where it is needed.
func (r *run) checkRequest(ctx context.Context) error {
	scope := r.scopeIn(ctx)
	for _, call := range r.plan.Calls {
		for _, hole := range call.RequestHoles {
			operand := call.PathValues[hole]
			value, err := pathValue(scope, operand)
			if err != nil {
				return &RequestError{Field: requestField(operand), Description: err.Error()}
			}
			if reason := urltemplate.Refuse(value); reason != "" {
				return &RequestError{Field: requestField(operand), Description: reason}
			}
		}
	}
	return nil
}

func requestField(operand projection.Operand) string {
	return strings.TrimPrefix(operand.String(), "request.")
}

// scopeIn is a scope of its own for one goroutine: answers are shared, the context is not.
func (r *run) scopeIn(ctx context.Context) *projection.Scope {
	return &projection.Scope{Context: ctx, Request: r.scope.Request, Answers: r.scope.Answers}
}

// request fills a call's holes. What cannot be filled is the fault of the answer that it should have come from.
func (r *run) request(ctx context.Context, call *plan.Call) (Request, *Failure) {
	scope := r.scopeIn(ctx)
	request, err := fillRequest(scope, call)
	if err != nil {
		return Request{}, &Failure{Reason: ReasonDrift, Err: fmt.Errorf("fill request: %w", err)}
	}
	return request, nil
}

func fillRequest(scope *projection.Scope, call *plan.Call) (Request, error) {
	path, err := fillPath(scope, call)
	if err != nil {
		return Request{}, err
	}
	query, err := fillQuery(scope, call.Query)
	if err != nil {
		return Request{}, err
	}
	header, err := fillHeader(scope, call.Headers)
	if err != nil {
		return Request{}, err
	}
	request := Request{
		Name: call.Name, Template: call.Path.Names(), Method: call.Method, Path: path, Query: query, Header: header,
		Timeout: call.Timeout, AbsentOn: call.AbsentOn,
	}
	if call.Body == nil {
		return request, nil
	}
	body, ok, err := call.Body.Append(nil, scope)
	if ok {
		request.Body = body
	}
	return request, err
}

func fillPath(scope *projection.Scope, call *plan.Call) (string, error) {
	values := make([][]byte, len(call.PathValues))
	for i, operand := range call.PathValues {
		value, err := pathValue(scope, operand)
		if err != nil {
			return "", fmt.Errorf("%s: %w", operand, err)
		}
		values[i] = value
	}
	path, err := call.Path.Expand(nil, values)
	if refused, ok := errors.AsType[*urltemplate.ValueError](err); ok {
		return "", fmt.Errorf("%s: %w", call.PathValues[refused.Hole], err)
	}
	return string(path), err
}

var errMissing = errors.New("value is missing, so it cannot stand in a path")

func pathValue(scope *projection.Scope, operand projection.Operand) ([]byte, error) {
	value, err := operand.Value(scope)
	if err != nil {
		return nil, err
	}
	if value.Missing() {
		return nil, errMissing
	}
	return value.AppendName(nil)
}

// fillQuery encodes the parameters in the order of the binding. A list gives one parameter for each element.
func fillQuery(scope *projection.Scope, parameters []plan.Parameter) (string, error) {
	var query strings.Builder
	for _, parameter := range parameters {
		err := eachText(scope, parameter, func(text []byte) {
			if query.Len() > 0 {
				query.WriteByte('&')
			}
			query.WriteString(url.QueryEscape(parameter.Name))
			query.WriteByte('=')
			query.WriteString(url.QueryEscape(string(text)))
		})
		if err != nil {
			return "", err
		}
	}
	return query.String(), nil
}

func fillHeader(scope *projection.Scope, parameters []plan.Parameter) (http.Header, error) {
	if len(parameters) == 0 {
		return nil, nil
	}
	header := make(http.Header, len(parameters))
	for _, parameter := range parameters {
		err := eachText(scope, parameter, func(text []byte) { header.Add(parameter.Name, string(text)) })
		if err != nil {
			return nil, err
		}
	}
	return header, nil
}

func eachText(scope *projection.Scope, parameter plan.Parameter, f func(text []byte)) error {
	value, err := parameter.Value.Value(scope)
	if err != nil {
		return fmt.Errorf("%s: %w", parameter.Name, err)
	}
	if value.Missing() {
		return nil
	}
	if err := value.AppendTexts(f); err != nil {
		return fmt.Errorf("%s: %w", parameter.Name, err)
	}
	return nil
}
