package httpwire_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/httpwire"
)

// answering answers each request with the same bytes, at as little cost as can be.
func answering(tb testing.TB, answer string) (url string) {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				reader := bufio.NewReader(connection)
				for {
					line, err := reader.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) == len("\r\n") {
						_, _ = io.WriteString(connection, answer)
					}
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String() + "/things/1?q=1"
}

func newTransport(tb testing.TB) *httpwire.Transport {
	tb.Helper()
	transport := httpwire.New(httpwire.Config{Dial: new(net.Dialer).DialContext, MaxConnections: 100, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10})
	tb.Cleanup(transport.Close)
	return transport
}

// BenchmarkExchange is one small GET after the other, beside net/http's client.
func BenchmarkExchange(b *testing.B) {
	const size = 500
	body := strings.Repeat("x", size)
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Thu, 26 Nov 2026 00:00:00 GMT\r\n"
	declared := head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, body)
	chunked := head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, body)
	standard := &http.Transport{MaxIdleConnsPerHost: 100}
	b.Cleanup(standard.CloseIdleConnections)
	for name, transport := range map[string]http.RoundTripper{"httpwire": newTransport(b), "nethttp": standard} {
		for framing, answer := range map[string]string{"declared": declared, "chunked": chunked} {
			b.Run(name+"/"+framing, func(b *testing.B) { benchmark(b, transport, answering(b, answer)) })
		}
	}
}

func benchmark(b *testing.B, transport http.RoundTripper, url string) {
	b.Helper()
	b.ReportAllocs()
	buffer := make([]byte, 4<<10)
	for b.Loop() {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		request.Header["Accept"], request.Header["User-Agent"] = []string{"application/json"}, []string{"sheaf"}
		response, err := transport.RoundTrip(request)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = response.Body.Read(buffer)
		}
		_ = response.Body.Close()
	}
}
