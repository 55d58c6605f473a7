package upstreams

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// prepare builds what goes to the outgoing. Credentials come last, so that nothing overrides them.
func (c *Client) prepare(ctx context.Context, exchange exchange, outgoing *outgoingRequest) error {
	request, base := exchange.Request, outgoing.base
	target := &outgoing.target
	*target = *base.url
	target.RawQuery = request.Query
	if err := setPath(target, base.url, "", request.Path); err != nil {
		return err
	}
	outgoing.Method, outgoing.URL, outgoing.Host = request.Method, target, target.Host
	outgoing.Proto, outgoing.ProtoMajor, outgoing.ProtoMinor = "HTTP/1.1", 1, 1
	maps.Copy(outgoing.Header, c.header) // whose values nobody changes
	if err := addHeader(outgoing.Header, request.Header); err != nil {
		return err
	}
	maps.Copy(outgoing.Header, exchange.conditions)
	setBody(&outgoing.Request, request.Body)
	base.observer.inject(ctx, outgoing.Header)
	if err := c.signer.sign(ctx, outgoing); err != nil {
		return err
	}
	hideKeys(outgoing.Header)
	return nil
}

// setPath sets the path: the base's, a prefix, and the call's, which is "/" for the base itself.
func setPath(target, base *url.URL, prefix, path string) error {
	if !strings.HasPrefix(path, "/") { // net/http would send another host's URL as it is
		return errors.New("read path: it does not begin with a slash")
	}
	escaped := strings.TrimSuffix(base.EscapedPath(), "/") + prefix
	if escaped == "" || path != "/" {
		escaped += path
	}
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return errors.New("read path: it is not escaped") // the error of url quotes it, and with it a secret
	}
	target.Path, target.RawPath = plain, escaped
	return nil
}

func setBody(request *http.Request, body []byte) {
	if body == nil {
		return
	}
	if request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.ContentLength = int64(len(body))
	request.Body = io.NopCloser(bytes.NewReader(body))
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
}
