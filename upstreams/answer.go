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

	"golang.org/x/net/http2"
)

// statuses is the one table from HTTP status to kind. What is not in it is KindBadAnswer below 500, and KindFailed from there on and
// for a 2xx with an error inside.
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
	if status >= http.StatusInternalServerError || isSuccess(status) {
		return KindFailed
	}
	return KindBadAnswer
}

// read reads an answer of any status, and says what it means. What a refusal says again of the request's secrets goes nowhere.
func (c *Client) read(response *http.Response, exchange exchange, carried secrets, share *share) (*Answer, error) {
	request, answer := exchange.Request, &Answer{Status: response.StatusCode, Header: response.Header}
	switch {
	case response.StatusCode == http.StatusNotModified && len(exchange.conditions) > 0:
		return answer, nil
	case slices.Contains(request.AbsentOn, response.StatusCode):
		drain(response.Body)
	case response.StatusCode == http.StatusSwitchingProtocols:
		// Its body is the bare connection, which no context ends.
	case !isSuccess(response.StatusCode):
		var err error
		if answer.Body, err = readBeginning(response.Body, min(c.config.MaxAnswerBytes, maxRefusal)+carried.longest()); isEnd(err) {
			return nil, err
		}
	default:
		if failure := c.readWhole(response, request, answer, carried, share); failure != nil {
			return nil, failure
		}
	}
	return c.judge(request, answer, carried)
}

// judge says what an answer means: that of a 2xx is one, AbsentOn says that there is none, and anything else is an error. What the
// answer itself says of the upstream's health goes before what its status says.
func (c *Client) judge(request *Request, answer *Answer, carried secrets) (*Answer, error) {
	if slices.Contains(request.AbsentOn, answer.Status) {
		return &Answer{Status: answer.Status, Header: answer.Header, Absent: true}, nil
	}
	var said verdict
	if request.Judge != nil {
		said.unwell, said.mayPass, said.known = request.Judge(answer.Status, answer.Header, answer.Body)
	}
	if isSuccess(answer.Status) && !said.unwell {
		return answer, nil
	}
	failure := c.refused(request, c.redacted(answer, carried))
	failure.said = said
	return nil, failure
}

// redacted is a refusal without the request's secrets, and within the bound.
func (c *Client) redacted(answer *Answer, carried secrets) *Answer {
	answer.Body, answer.Header = carried.redact(answer.Body), carried.redactHeader(answer.Header)
	if bound := min(c.config.MaxAnswerBytes, maxRefusal); !isSuccess(answer.Status) && int64(len(answer.Body)) > bound {
		answer.Body = answer.Body[:bound]
	}
	return answer
}

// verdict is what an answer says of the upstream's health.
type verdict struct{ unwell, mayPass, known bool }

func isSuccess(status int) bool { return status >= 200 && status <= 299 }

func (c *Client) readWhole(response *http.Response, request *Request, answer *Answer, carried secrets, share *share) *Error {
	body, err := readBody(response, c.config.MaxAnswerBytes, share)
	if err != nil {
		kind := KindBadAnswer
		if isLost(err) {
			kind = KindUnavailable
		}
		failure := c.fail(request, kind, carried.redactError(err))
		failure.Status = response.StatusCode
		return failure
	}
	answer.Body = body
	return nil
}

// isLost reports whether the connection ended before the body did.
func isLost(err error) bool {
	var broken net.Error
	_, reset := errors.AsType[http2.StreamError](err) // net/http's own is convertible to it
	return reset || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken)
}

// drain reads a little, so that the connection can be used again.
func drain(body io.Reader) {
	const enough = 8 << 10
	_, _ = io.CopyN(io.Discard, body, enough)
}

// maxRefusal bounds what is read of the body of an error, in bytes.
const maxRefusal = 64 << 10

// readBeginning reads what there is, up to a bound. Without the rest the status still says enough, unless there was no time.
func readBeginning(body io.Reader, most int64) ([]byte, error) {
	return io.ReadAll(io.LimitReader(body, most))
}

// refused is the error of a status that is not 2xx.
func (c *Client) refused(request *Request, answer *Answer) *Error {
	text := fmt.Sprintf("answered %d", answer.Status)
	if location, err := url.Parse(answer.Header.Get("Location")); err == nil && location.Host != "" {
		text += fmt.Sprintf(", a redirect to host %s, which is not followed", location.Host)
	}
	if shown := describe(answer.Header.Get("Content-Type"), answer.Body); shown != "" {
		text += ": " + shown
	}
	failure := c.fail(request, kindOf(answer.Status), errors.New(text))
	failure.Status = answer.Status
	failure.RetryAfter = retryAfter(answer.Header, time.Now())
	failure.Answer = answer
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
