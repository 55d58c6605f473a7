// Package load is for the client: it makes the same call again and again, as fast as answers come or at a fixed rate.
package load

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/valyala/fasthttp"
)

// Request is the call that is made.
type Request struct {
	Method, URL string
	Header      map[string]string
	Body        []byte
	// HTTP2 is for gRPC: HTTP/2 in clear text, and the outcome in trailers. Otherwise it is HTTP/1.1.
	HTTP2 bool
}

// Caller makes one call after the other on a connection. It is for one goroutine.
type Caller interface {
	// Call makes a call, and returns the body of its answer, which is good until the next one. Anything but success is an error.
	Call() ([]byte, error)
}

// patience is the longest that a call may take; nothing that is measured comes near.
const patience = 30 * time.Second

// NewCallers are so many callers, and what closes their connections.
func NewCallers(request Request, count int) (callers []Caller, closeAll func()) {
	if request.HTTP2 {
		return newHTTP2Callers(request, count)
	}
	client := &fasthttp.Client{MaxConnsPerHost: count, MaxConnWaitTimeout: patience, ReadTimeout: patience, NoDefaultUserAgentHeader: true}
	for range count {
		callers = append(callers, newHTTP1Caller(client, request))
	}
	return callers, client.CloseIdleConnections
}

// http1Caller makes calls with fasthttp, which takes little of the CPU that it shares with what is measured.
type http1Caller struct {
	client   *fasthttp.Client
	request  fasthttp.Request
	response fasthttp.Response
}

func newHTTP1Caller(client *fasthttp.Client, request Request) *http1Caller {
	c := &http1Caller{client: client}
	c.request.Header.SetMethod(request.Method)
	c.request.SetRequestURI(request.URL)
	for name, value := range request.Header {
		c.request.Header.Set(name, value)
	}
	c.request.SetBodyRaw(request.Body)
	return c
}

// Call implements Caller.
func (c *http1Caller) Call() ([]byte, error) {
	if err := c.client.Do(&c.request, &c.response); err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	if status := c.response.StatusCode(); status != fasthttp.StatusOK {
		return nil, fmt.Errorf("call: status %d: %s", status, c.response.Body())
	}
	return c.response.Body(), nil
}

// http2Caller makes unary gRPC calls with net/http.
type http2Caller struct {
	client  *http.Client
	request Request
	framed  []byte // the message with its prefix
	answer  bytes.Buffer
}

// newHTTP2Callers share a few connections, as channels of gRPC do.
func newHTTP2Callers(request Request, count int) (callers []Caller, closeAll func()) {
	const connections = 4
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	var clients []*http.Client
	for range min(connections, count) {
		clients = append(clients, &http.Client{Transport: &http.Transport{Protocols: protocols, DisableCompression: true}, Timeout: patience})
	}
	for i := range count {
		callers = append(callers, &http2Caller{client: clients[i%len(clients)], request: request, framed: frame(request.Body)})
	}
	return callers, func() {
		for _, client := range clients {
			client.CloseIdleConnections()
		}
	}
}

// prefixSize is that of a gRPC message: whether it is compressed, and its length.
const prefixSize = 5

func frame(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// Call implements Caller.
func (c *http2Caller) Call() ([]byte, error) {
	request, err := http.NewRequestWithContext(context.Background(), c.request.Method, c.request.URL, bytes.NewReader(c.framed))
	if err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	for name, value := range c.request.Header {
		request.Header.Set(name, value)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	c.answer.Reset()
	if _, err := c.answer.ReadFrom(response.Body); err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	if status := response.Trailer.Get("Grpc-Status"); status != "0" {
		return nil, fmt.Errorf("call: status %q: %s", status, response.Trailer.Get("Grpc-Message"))
	}
	if c.answer.Len() < prefixSize {
		return nil, fmt.Errorf("call: %w", io.ErrUnexpectedEOF)
	}
	if c.answer.Bytes()[0] != 0 {
		return nil, errors.New("call: the answer is compressed, and nobody asked for that")
	}
	return c.answer.Bytes()[prefixSize:], nil
}
