package httpwire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

// message is a request as it is sent.
type message struct {
	request *http.Request
	ctx     context.Context
	// until is the end of its exchange, besides that of ctx; zero for none.
	until time.Time
	// address is that to connect to, as host:port.
	address string
	// bytes are the head, and the whole body if it is short.
	bytes []byte
	// long is the body that is sent behind them, of the declared length; nil for none, or if it has been taken.
	long io.ReadCloser
	// shared is set if another goroutine may read the bytes.
	shared bool
	// unzips says whether the answer may be compressed without the caller's knowing.
	unzips bool
}

// shortBody is the longest body that is sent in one go, in bytes: the system takes as much, so that nobody waits for the upstream to
// read it.
const shortBody = 16 << 10

// messages are without a request.
var messages = sync.Pool{New: func() any { return new(message) }}

// newMessage takes over the request's body: it is closed with the message, or if there is an error.
func newMessage(ctx context.Context, request *http.Request, until time.Time) (*message, error) {
	made := messages.Get().(*message)
	made.request, made.ctx, made.until = request, ctx, until
	if at := lazyctx.Deadline(made.ctx); !at.IsZero() && (until.IsZero() || at.Before(until)) {
		made.until = at
	}
	err := made.appendHead()
	if err == nil {
		err = made.appendBody()
	}
	if err != nil {
		made.close()
		return nil, fmt.Errorf("write request: %w", err)
	}
	return made, nil
}

// isLate reports whether its time is up.
func (m *message) isLate() bool { return !m.until.IsZero() && !time.Now().Before(m.until) }

// close gives up the message. Whoever has taken its long body closes that.
func (m *message) close() {
	switch {
	case m.long != nil:
		_ = m.long.Close() // nobody has read it
	case m.request.Body != nil && !m.shared:
		_ = m.request.Body.Close() // it has been read
	}
	const most = 2 * shortBody
	if m.shared || cap(m.bytes) > most {
		return
	}
	*m = message{bytes: m.bytes[:0]}
	messages.Put(m)
}

// take takes the long body, to send it in another goroutine.
func (m *message) take() io.ReadCloser {
	body := m.long
	m.long, m.shared = nil, true
	return body
}

// rewind makes it ready to be sent again.
func (m *message) rewind() error {
	if !m.shared {
		return nil
	}
	if m.request.GetBody == nil {
		return errors.New("body cannot be read again")
	}
	body, err := m.request.GetBody()
	m.long = body
	return err
}

func (m *message) appendHead() error {
	r := m.request
	if r.URL == nil || r.URL.Scheme != "http" || !httpguts.ValidHeaderFieldName(r.Method) {
		return errors.New("no method, or no URL with http://")
	}
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	host, err := httpguts.PunycodeHostPort(host)
	if err != nil || host == "" || !httpguts.ValidHostHeader(host) {
		return errors.New("host is none")
	}
	target := r.URL.RequestURI()
	if strings.ContainsFunc(target, isControl) {
		return errors.New("URL holds a control character")
	}
	m.address = addressOf(r.URL)
	m.bytes = append(append(append(append(m.bytes, r.Method...), ' '), target...), " HTTP/1.1\r\nHost: "...)
	m.bytes = append(append(m.bytes, withoutZone(host)...), "\r\n"...)
	return m.appendHeader()
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// addressOf is where a URL leads.
func addressOf(target *url.URL) string {
	if target.Port() != "" {
		return target.Host
	}
	return net.JoinHostPort(target.Hostname(), "80")
}

// withoutZone is a host without the zone of an address of IPv6, which nobody else understands (RFC 6874, section 3).
func withoutZone(host string) string {
	begin, end := strings.IndexByte(host, '%'), strings.LastIndexByte(host, ']')
	if begin < 0 || end < begin || host[0] != '[' {
		return host
	}
	return host[:begin] + host[end:]
}

// ours are the headers that are not the caller's to say, besides the user agent, which goes first.
var ours = map[string]bool{"Host": true, "User-Agent": true, "Content-Length": true, "Transfer-Encoding": true, "Trailer": true}

// appendHeader writes headers in the order of net/http: the user agent, the length, those of the caller by name, and ours.
func (m *message) appendHeader() error {
	header := m.request.Header
	const usual = 16
	var space [usual]string
	names := space[:0]
	for name, values := range header {
		if err := checkHeader(name, values); err != nil {
			return err
		}
		if !ours[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if agent := header["User-Agent"]; len(agent) > 0 && agent[0] != "" {
		m.appendField("User-Agent", agent[0])
	}
	if m.declaresLength() {
		m.bytes = append(strconv.AppendInt(append(m.bytes, "Content-Length: "...), m.request.ContentLength, 10), "\r\n"...)
	}
	for _, name := range names {
		for _, value := range header[name] {
			m.appendField(name, value)
		}
	}
	// As net/http: a part of what is compressed cannot be decompressed, and some servers answer HEAD wrongly.
	if m.unzips = header["Accept-Encoding"] == nil && header["Range"] == nil && m.request.Method != http.MethodHead; m.unzips {
		m.appendField("Accept-Encoding", "gzip")
	}
	m.bytes = append(m.bytes, "\r\n"...)
	return nil
}

func checkHeader(name string, values []string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("header has name %q", name)
	}
	for _, value := range values {
		if !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("header %s holds what no header can carry", name) // it may be a secret
		}
	}
	return nil
}

func (m *message) appendField(name, value string) {
	m.bytes = append(append(append(m.bytes, name...), ": "...), strings.Trim(value, " \t")...)
	m.bytes = append(m.bytes, "\r\n"...)
}

// declaresLength reports whether the request says how long its body is (RFC 9110, section 8.6).
func (m *message) declaresLength() bool {
	switch m.request.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return true
	default:
		return m.request.ContentLength > 0
	}
}

var errLength = errors.New("body has not the length that is declared")

// appendBody writes a short body, and leaves a long one for later.
func (m *message) appendBody() error {
	body, length := m.request.Body, m.request.ContentLength
	switch {
	case length < 0:
		return errLength
	case body == nil || body == http.NoBody:
		if length != 0 {
			return errLength
		}
		return nil
	case length > shortBody:
		m.long = body
		return nil
	}
	before := len(m.bytes)
	buffer := bytes.NewBuffer(m.bytes)
	_, err := buffer.ReadFrom(io.LimitReader(body, length+1))
	m.bytes = buffer.Bytes()
	if err == nil && int64(len(m.bytes)-before) != length {
		err = errLength
	}
	return err
}
