package aggregate

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/net/http/httpguts"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/urltemplate"
)

// fill fills the holes of a request. What cannot be filled is the fault of the answer that it should have come from.
func (a *attempt) fill(scope *projection.Scope) (*Request, *Failure) {
	request, err := fillRequest(scope, a.call)
	if _, ok := errors.AsType[*RequestError](err); ok {
		return nil, failureOf(err)
	}
	if err != nil {
		return nil, &Failure{Reason: plan.ReasonDrift, Err: fmt.Errorf("fill request: %w", err), Unsent: true}
	}
	for _, name := range a.call.Request.Forward {
		if values := a.header.Values(name); len(values) > 0 {
			if request.Header == nil {
				request.Header = http.Header{}
			}
			request.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	request.Account = a.account
	if a.target.rules.Credential.IsCallers() {
		request.Authorization = authorization(a.header)
	}
	return request, nil
}

// authorization is the client's own. Two of them are none: nobody could tell which one counts.
func authorization(header http.Header) secret.Value {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return secret.Value{}
	}
	return secret.NewValue(values[0])
}

func fillRequest(scope *projection.Scope, call *plan.Call) (*Request, error) {
	declared := call.Request
	path, err := fillPath(scope, declared)
	if err != nil {
		return nil, err
	}
	query, err := declared.Query.Fill(scope)
	if err != nil {
		return nil, err
	}
	header, err := fillHeader(scope, declared.Headers)
	if err != nil {
		return nil, err
	}
	if err := checkHeader(header, declared.Headers); err != nil {
		return nil, err
	}
	request := &Request{
		Name: call.Name, Template: declared.Path.Names(), Route: declared.Route, Method: declared.Method, Path: path, Query: query, Header: header,
		Timeout: call.Timeout, Repeatable: declared.Repeatable, AbsentOn: declared.AbsentOn,
	}
	return request, fillPayload(scope, declared, request)
}

// fillPayload fills the body in the form that the call declares.
func fillPayload(scope *projection.Scope, declared *plan.Request, request *Request) error {
	switch {
	case declared.Body != nil:
		body, ok, err := declared.Body.Append(nil, scope)
		if ok {
			request.Body = body
		} else if declared.Body.Kind == projection.BodyObject {
			request.Body = []byte("{}")
		}
		return err
	case declared.Form != nil:
		body, err := declared.Form.Append([]byte{}, scope)
		request.Body = body
		request.setType("application/x-www-form-urlencoded")
		return err
	case declared.Bytes != nil:
		value, err := declared.Bytes.Value(scope)
		if err != nil || value.Missing() {
			return err
		}
		request.setType("application/octet-stream")
		if request.Body, err = rawBytes(value, declared.Base64); err != nil {
			return fmt.Errorf("write %s: %w", declared.Bytes, err)
		}
	}
	return nil
}

func rawBytes(value projection.Value, isBase64 bool) ([]byte, error) {
	text, err := value.AppendText(nil)
	if err != nil || !isBase64 {
		return text, err
	}
	return base64.StdEncoding.DecodeString(string(text))
}

// askAnew keeps caches from giving the same answer again (RFC 9111, section 5.2.1.4).
func (r *Request) askAnew() {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if len(r.Header["Cache-Control"]) == 0 {
		r.Header.Set("Cache-Control", "no-cache")
	}
}

// setType sets the type of the body, unless the call says another.
func (r *Request) setType(kind string) {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", kind)
	}
}

// fillPath fills a path in a room for what paths mostly are.
func fillPath(scope *projection.Scope, call *plan.Request) (string, error) {
	var holes [8][]byte
	values := holes[:0]
	for _, operand := range call.PathValues {
		value, err := pathValue(scope, operand)
		if err != nil {
			return "", fmt.Errorf("%s: %w", operand, err)
		}
		values = append(values, value)
	}
	var room [256]byte
	path, err := call.Path.Expand(room[:0], values)
	if refused, ok := errors.AsType[*urltemplate.ValueError](err); ok {
		return "", fmt.Errorf("%s: %w", call.PathValues[refused.Hole], err)
	}
	return string(path), err
}

var errMissing = errors.New("value is missing, so it cannot stand in a path")

// pathValue is the text that an operand gives for a path. It is only to be read.
func pathValue(scope *projection.Scope, operand projection.Operand) ([]byte, error) {
	value, err := operand.Value(scope)
	if err != nil {
		return nil, err
	}
	if value.Missing() {
		return nil, errMissing
	}
	return value.Name()
}

// checkHeader refuses values that no header can carry (RFC 9110, section 5.5).
func checkHeader(header http.Header, parameters []plan.Parameter) error {
	for _, parameter := range parameters {
		for _, value := range header[http.CanonicalHeaderKey(parameter.Name)] {
			if httpguts.ValidHeaderFieldValue(value) {
				continue
			}
			const description = "a header cannot carry a line break or a control character"
			if field := requestField(parameter.Value); field != "" {
				return wrongField(parameter.Value, description, nil)
			}
			return fmt.Errorf("fill header %s: %s", parameter.Name, description)
		}
	}
	return nil
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
	if err := value.Texts(f); err != nil {
		return fmt.Errorf("%s: %w", parameter.Name, err)
	}
	return nil
}
