package faulttest_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// row is a fault.
type row struct {
	name string
	// serve is what the upstream does with a connection; or handle, what it does with a request, over both versions of HTTP.
	serve  func(*peer)
	handle http.HandlerFunc
	// tls is nil for none.
	tls *tls.Config
	// hangs is set if only the timeout ends the call.
	hangs bool
	// plain is set if the row is for our own client alone: net/http keeps a connection before it has looked at what follows an answer
	// without a body, and the next call may take it and fail.
	plain bool
	// url changes the upstream's URL.
	url func(string) string
}

const (
	head  = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	thing = `{"name": "thing"}`
	mega  = 1 << 20
)

func text(text string) func(*peer) { return request(func(p *peer) { p.say(text) }) }

// headers are so many of them, each with a name of its own.
func headers(count int) string {
	var lines strings.Builder
	for number := range count {
		fmt.Fprintf(&lines, "X-%d: 1\r\n", number)
	}
	return lines.String()
}

func textThenHang(text string) func(*peer) {
	return request(func(p *peer) {
		p.say(text)
		p.hang()
	})
}

func endless(begin, again string) func(*peer) {
	return request(func(p *peer) {
		p.say(begin)
		p.forever(again)
	})
}

// rows are in the order of the page.
func rows() []row {
	return append(append(append(connections(), heads()...), bodies()...), contents()...)
}

func connections() []row {
	secure := &tls.Config{Certificates: []tls.Certificate{authority.issue(nil)}, MinVersion: tls.VersionTLS12}
	https := func(url string) string { return strings.Replace(url, "http:", "https:", 1) }
	return []row{
		{name: "refuses connections", serve: nil},
		{name: "name that DNS does not know", serve: func(*peer) {}, url: func(string) string { return "http://nothing.invalid" }},
		{name: "accepts, and hangs", serve: func(p *peer) { p.hang() }, hangs: true},
		{name: "accepts, and closes", serve: func(*peer) {}},
		{name: "accepts, and resets", serve: func(p *peer) { p.reset() }},
		{name: "hangs after the request", serve: request((*peer).hang), hangs: true},
		{name: "closes after the request", serve: request(func(*peer) {})},
		{name: "resets after the request", serve: request((*peer).reset)},
		{name: "never answers the TLS handshake", serve: (*peer).hang, url: https, hangs: true},
		{name: "plain HTTP where TLS is expected", serve: func(p *peer) { p.say("HTTP/1.1 400 Bad Request\r\n\r\n") }, url: https},
		{name: "TLS where plain HTTP is expected", serve: func(*peer) {}, tls: secure, url: func(url string) string { return strings.Replace(url, "https:", "http:", 1) }},
		{name: "certificate for another name", serve: func(*peer) {}, tls: issued(authority, func(c *x509.Certificate) {
			c.IPAddresses, c.DNSNames = nil, []string{"other.test"}
		})},
		{name: "expired certificate", serve: func(*peer) {}, tls: issued(authority, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })},
		{name: "certificate that is not valid yet", serve: func(*peer) {}, tls: issued(authority, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })},
		{name: "certificate of an unknown authority", serve: func(*peer) {}, tls: issued(stranger, nil)},
		{name: "TLS 1.1", serve: func(*peer) {}, tls: &tls.Config{Certificates: secure.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}},
	}
}

func issued(by *issuer, change func(*x509.Certificate)) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{by.issue(change)}, MinVersion: tls.VersionTLS12}
}

func heads() []row {
	return []row{
		{name: "garbage", serve: text("\x00\x01\x02\xff\xfe garbage\r\n\r\n")},
		{name: "HTTP/0.9", serve: text("<html>hello</html>")},
		{name: "head that ends early", serve: text(head)},
		{name: "head that never ends", serve: endless(head+"X-Long: ", strings.Repeat("x", 4096))},
		{name: "head of a byte a second", serve: request(func(p *peer) { p.trickle("H") }), hangs: true},
		{name: "100,000 headers", serve: text(head + headers(100_000) + "Content-Length: 2\r\n\r\n{}")},
		{name: "header of 10 MB", serve: text(head + "X-Huge: " + strings.Repeat("x", 10*mega) + "\r\nContent-Length: 2\r\n\r\n{}")},
		{name: "100 Continue without end", serve: endless("", "HTTP/1.1 100 Continue\r\n\r\n")},
		{name: "103 Early Hints without end", serve: endless("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")},
		{name: "101 Switching Protocols", serve: textThenHang("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")},
		{name: "status 099", serve: text("HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\n{}")},
		{name: "status 999", serve: text("HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\n{}")},
		{name: "redirect to itself", handle: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }},
		{name: "redirect to cloud metadata", handle: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}},
	}
}

func bodies() []row {
	return []row{
		{name: "shorter than Content-Length", serve: text(head + "Content-Length: 1000\r\n\r\n" + thing)},
		{name: "longer than Content-Length", serve: text(head + "Connection: close\r\nContent-Length: 17\r\n\r\n" + thing + strings.Repeat("x", 1000))},
		{name: "Content-Length of 9 EB", serve: text(head + "Content-Length: 9223372036854775807\r\n\r\n" + thing)},
		{name: "negative Content-Length", serve: text(head + "Content-Length: -1\r\n\r\n" + thing)},
		{name: "two Content-Lengths", serve: text(head + "Content-Length: 17\r\nContent-Length: 5\r\n\r\n" + thing)},
		{name: "Content-Length and chunked", serve: text(head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n" + thing + "\r\n0\r\n\r\n")},
		{name: "204 with a body", plain: true, serve: text("HTTP/1.1 204 No Content\r\n\r\n" + thing)},
		{name: "chunk of 8 EB", serve: text(head + "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n" + thing)},
		{name: "chunk size that is no number", serve: text(head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + thing)},
		{name: "chunk extension that never ends", serve: endless(head+"Transfer-Encoding: chunked\r\n\r\n1;", strings.Repeat("x", 4096))},
		{name: "chunks of one byte", serve: endless(head+"Transfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\n \r\n", 1000))},
		{name: "chunked, cut off", serve: text(head + "Transfer-Encoding: chunked\r\n\r\n11\r\n" + thing)},
		{name: "trailers without end", serve: endless(head+"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n11\r\n"+thing+"\r\n0\r\n", strings.Repeat("X: 1\r\n", 1000))},
		{name: "body of a byte a second", serve: request(func(p *peer) {
			p.say(head + "Content-Length: 1000\r\n\r\n")
			p.trickle(" ")
		}), hangs: true},
		{name: "hangs in the body", handle: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, thing[:5])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, hangs: true},
		{name: "resets in the body", handle: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, thing[:5])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
		{name: "body of 1 GB", handle: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			flood(w, bytes.Repeat([]byte(" "), mega))
		}},
		{name: "body of 1 GB of unknown length", handle: func(w http.ResponseWriter, _ *http.Request) { flood(w, bytes.Repeat([]byte(" "), mega)) }},
		{name: "error with a body of 1 GB", handle: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			flood(w, bytes.Repeat([]byte(" "), mega))
		}},
	}
}

// flood sends a gigabyte, or as much as the client takes.
func flood(w io.Writer, block []byte) {
	for sent := 0; sent < 1<<30; sent += len(block) {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func zipped(data []byte) []byte {
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	_, _ = writer.Write(data)
	_ = writer.Close()
	return buffer.Bytes()
}

func encoded(encoding string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", encoding)
		_, _ = w.Write(body)
	}
}

func contents() []row {
	bomb := zipped(make([]byte, 200*mega))
	broken := zipped([]byte(thing))
	broken[len(broken)-8] ^= 0xff
	return []row{
		{name: "gzip bomb", handle: encoded("gzip", bomb)},
		{name: "gzip of a gzip bomb", handle: encoded("gzip", zipped(bomb))},
		{name: "gzip of gzip", handle: encoded("gzip", zipped(zipped([]byte(thing))))},
		{name: "gzip with a wrong checksum", handle: encoded("gzip", broken)},
		{name: "gzip, cut off", handle: encoded("gzip", broken[:len(broken)/2])},
		{name: "gzip that is none", handle: encoded("gzip", []byte(thing))},
		{name: "deflate that was not asked for", handle: encoded("deflate", []byte{0x78, 0x9c, 0xab, 0x56})},
		{name: "br that was not asked for", handle: encoded("br", []byte{0x0b, 0x08, 0x80, 0x7b})},
		{name: "zstd that was not asked for", handle: encoded("zstd", []byte{0x28, 0xb5, 0x2f, 0xfd})},
		{name: "invalid UTF-8", handle: encoded("", []byte("{\"name\": \"\xff\xfe\"}"))},
		{name: "JSON nested 100,000 deep", handle: encoded("", []byte(`{"name": `+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}`))},
		{name: "JSON nested 100,000 deep in a field that nobody needs", handle: encoded("", []byte(`{"other": `+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`, "name": "thing"}`))},
		{name: "JSON, cut off", handle: encoded("", []byte(thing[:10]))},
		{name: "two JSON documents", handle: encoded("", []byte(thing+thing))},
		{name: "HTML with status 200", handle: encoded("", []byte("<html>sign in</html>"))},
		{name: "empty body", handle: func(http.ResponseWriter, *http.Request) {}},
	}
}
