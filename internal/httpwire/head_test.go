package httpwire

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkHead reads a usual head, beside net/http's reader.
func BenchmarkHead(b *testing.B) {
	const text = "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Thu, 26 Nov 2026 00:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 2\r\n" +
		"Connection: keep-alive\r\nCache-Control: max-age=60\r\nETag: \"33a64df5\"\r\n\r\n{}"
	b.Run("httpwire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if size := new(exchange).readUsual([]byte(text), http.MethodGet); size == 0 {
				b.Fatal("not usual")
			}
		}
	})
	b.Run("nethttp", func(b *testing.B) {
		b.ReportAllocs()
		source := strings.NewReader(text)
		reader := bufio.NewReader(source)
		for b.Loop() {
			source.Reset(text)
			reader.Reset(source)
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				b.Fatal(err)
			}
			_ = response.Body.Close()
		}
	})
}
