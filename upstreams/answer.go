package upstreams

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// statuses is the one table from HTTP status to kind. What is not in it, and not 2xx, is KindBadAnswer below 500 and
// KindFailed from there on.
var statuses = map[int]Kind{
	http.StatusBadRequest:          KindRejected,
	http.StatusUnauthorized:        KindCredentials,
	http.StatusForbidden:           KindCredentials,
	http.StatusNotFound:            KindNotFound,
	http.StatusRequestTimeout:      KindUnavailable,
	http.StatusConflict:            KindConflict,
	http.StatusGone:                KindNotFound,
	http.StatusPreconditionFailed:  KindPrecondition,
	http.StatusUnprocessableEntity: KindRejected,
	http.StatusTooManyRequests:     KindRateLimited,
	http.StatusBadGateway:          KindUnavailable,
	http.StatusServiceUnavailable:  KindUnavailable,
	http.StatusGatewayTimeout:      KindUnavailable,
}

func kindOf(status int) Kind {
	if kind, ok := statuses[status]; ok {
		return kind
	}
	if status >= http.StatusInternalServerError {
		return KindFailed
	}
	return KindBadAnswer
}

// read reads an answer of any status. The body is nil where the status says that there is none of what was asked for.
func (c *Client) read(response *http.Response, request *Request) (*Answer, error) {
	if slices.Contains(request.AbsentOn, response.StatusCode) {
		drain(response.Body)
		return &Answer{Status: response.StatusCode, Header: response.Header, Absent: true}, nil
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, c.refused(response, request)
	}
	body, err := readBody(response, c.maxAnswer)
	if err != nil {
		kind := KindBadAnswer
		if isLost(err) {
			kind = KindUnavailable
		}
		failure := c.fail(request, kind, err)
		failure.Status = response.StatusCode
		return nil, failure
	}
	return &Answer{Status: response.StatusCode, Header: response.Header, Body: body}, nil
}

// readBody reads a whole body, or stops one byte behind the bound.
func readBody(response *http.Response, bound int64) ([]byte, error) {
	if response.ContentLength > bound {
		return nil, fmt.Errorf("read body: %d bytes, more than the bound of %d", response.ContentLength, bound)
	}
	const guess = 512
	buffer := bytes.NewBuffer(make([]byte, 0, max(guess, response.ContentLength+bytes.MinRead)))
	_, err := buffer.ReadFrom(io.LimitReader(response.Body, bound+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read body: %w", err)
	case int64(buffer.Len()) > bound:
		return nil, fmt.Errorf("read body: more than the bound of %d bytes", bound)
	}
	return buffer.Bytes(), nil
}

// isLost reports whether the connection ended before the body did.
func isLost(err error) bool {
	var broken net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken)
}

// drain reads a little, so that the connection can be used again.
func drain(body io.Reader) {
	const enough = 8 << 10
	_, _ = io.CopyN(io.Discard, body, enough)
}

// refused is the error of a status that is not 2xx.
func (c *Client) refused(response *http.Response, request *Request) *Error {
	const most = 64 << 10
	body, _ := io.ReadAll(io.LimitReader(response.Body, min(most, c.maxAnswer)))
	text := fmt.Sprintf("answered %d", response.StatusCode)
	if location, err := url.Parse(response.Header.Get("Location")); err == nil && location.Host != "" {
		text += fmt.Sprintf(", a redirect to host %s, which is not followed", location.Host)
	}
	if shown := describe(response.Header.Get("Content-Type"), body); shown != "" {
		text += ": " + shown
	}
	failure := c.fail(request, kindOf(response.StatusCode), errors.New(text))
	failure.Status = response.StatusCode
	failure.RetryAfter = retryAfter(response.Header.Get("Retry-After"), time.Now())
	failure.Answer = &Answer{Status: response.StatusCode, Header: response.Header, Body: body}
	return failure
}

// describe shows the beginning of an unexpected body, without what could forge a line of a log.
func describe(contentType string, body []byte) string {
	const shown = 200
	if len(bytes.TrimSpace(body)) == 0 {
		return ""
	}
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, string(body[:min(shown, len(body))]))
	text = strings.Join(strings.Fields(text), " ")
	if strings.Contains(contentType, "html") || strings.HasPrefix(text, "<") {
		return "an HTML page: " + text
	}
	return text
}
