package httpwire_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// outcome is what a client makes of an answer.
type outcome struct {
	failed   bool
	status   int
	header   http.Header
	length   int64
	body     string
	bodyOK   bool
	lasts    bool
	decoded  bool
	protocol string
}

// outcomeOf asks once, and reads the answer to its end.
func outcomeOf(t *testing.T, transport http.RoundTripper, over *scripted, method string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // of the bubble's time: whoever waits for more has waited long enough
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://things.test/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return outcome{failed: true}
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return outcome{status: response.StatusCode, header: response.Header} // net/http hands out the bare connection, which no context ends
	}
	const most = 1 << 20
	body, err := io.ReadAll(io.LimitReader(response.Body, most))
	got := outcome{
		status: response.StatusCode, header: response.Header, length: response.ContentLength, body: string(body), bodyOK: err == nil,
		decoded: response.Uncompressed, protocol: response.Proto + " " + response.Status,
	}
	if err == nil {
		synctest.Wait()
		if open, known := over.lasts(); known {
			got.lasts = open
		}
	}
	return got
}

// differ asks over both clients the same, and says how they differ; empty for not at all.
func differ(t *testing.T, method, answer string, ends bool) string {
	t.Helper()
	var text string
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := newScripted(answer, ends), newScripted(answer, ends)
		wire, standard := wireOver(ours.dial), standardOver(theirs.dial)
		got, want := outcomeOf(t, wire, ours, method), outcomeOf(t, standard, theirs, method)
		wire.Close()
		standard.CloseIdleConnections()
		_, _ = ours.Close(), theirs.Close()
		synctest.Wait()
		if ends { // net/http may or may not have seen the end by then
			got.lasts, want.lasts = false, false
		}
		if !reflect.DeepEqual(got, want) {
			text = fmt.Sprintf("%s, answer %q, ends %v:\ngot  %+v\nwant %+v", method, answer, ends, got, want)
		}
	})
	return text
}

func zipped(text string) string {
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	_, _ = io.WriteString(writer, text)
	_ = writer.Close()
	return buffer.String()
}

// answers are heads and bodies of all kinds: what is usual, what is rare, and what is wrong.
func answers() []string {
	const ok = "HTTP/1.1 200 OK\r\n"
	packed := zipped("hello")
	return []string{
		"", "\r\n", "H", "garbage\r\n\r\n", ok, ok + "\r\n", ok + "\r\nrest", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\n{}", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "http/1.1 200 OK\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\n{}", "HTTP/1.1 200 \xff\x00\r\nContent-Length: 2\r\n\r\n{}",
		ok + "Content-Length: 2\r\n\r\n{}", ok + "content-length: 2\r\nx-a: 1\r\nX-A: 2\r\n\r\n{}", ok + "Content-Length: 2\r\n\r\n{}rest", ok + "Content-Length: 2\r\n\r\n{", ok + "Content-Length:2\r\n\r\n{}",
		ok + "Content-Length: \t 2 \t\r\n\r\n{}", ok + "Content-Length: +2\r\n\r\n{}", ok + "Content-Length: -2\r\n\r\n{}", ok + "Content-Length: 2,2\r\n\r\n{}", ok + "Content-Length: 0x2\r\n\r\n{}", ok + "Content-Length:\r\n\r\n",
		ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", ok + "Content-Length: 9223372036854775807\r\n\r\n{}", ok + "Content-Length: 9223372036854775808\r\n\r\n{}",
		ok + "Content-Length: 000000000000000000000000002\r\n\r\n{}", ok + "Content-Length : 2\r\n\r\n{}", ok + " Content-Length: 2\r\n\r\n{}", ok + "Content-Length: 2\r\n folded\r\n\r\n{}", ok + "X: 1\r\n\tfolded\r\nContent-Length: 2\r\n\r\n{}",
		ok + "Content-Length: 2\r\nNoColon\r\n\r\n{}", ok + "Content-Length: 2\r\n: empty\r\n\r\n{}", ok + "Content-Length: 2\r\nA B: c\r\n\r\n{}", ok + "Content-Length: 2\r\nA: b\x00c\r\n\r\n{}", ok + "Content-Length: 2\r\nA: b\rc\r\n\r\n{}",
		ok + "Content-Length: 2\r\nA: b\x7f\r\n\r\n{}", ok + "Content-Length: 2\r\nA: \xff\r\n\r\n{}", ok + "Content-Length: 2\r\n\xff: a\r\n\r\n{}", ok + "Content-Length: 2\r\nA:\r\n\r\n{}", ok + "Content-Length: 2\r\nA: b:c\r\n\r\n{}",
		ok + "Content-Length: 2\r\nConnection: close\r\n\r\n{}", ok + "Content-Length: 2\r\nConnection: Keep-Alive\r\n\r\n{}", ok + "Content-Length: 2\r\nConnection: keep-alive, close\r\n\r\n{}", ok + "Content-Length: 2\r\nConnection: x\r\n\r\n{}",
		ok + "Content-Length: 2\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n{}", ok + "Content-Length: 2\r\nProxy-Connection: close\r\n\r\n{}", ok + "Content-Length: 2\r\nPragma: no-cache\r\n\r\n{}",
		ok + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nrest", ok + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2;a=b\r\n{}\r\n0\r\nX: 1\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: 1\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nbad\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
		ok + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n2\r\n{}\r\n0\r\n\r\n", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", ok + "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n", ok + "Trailer: X\r\nContent-Length: 2\r\n\r\n{}", ok + "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\n{}", "HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", "HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n{}" + ok,
		"HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nx", "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 413 Large\r\nConnection: close\r\n\r\nmuch",
		ok + "Content-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(len(packed)) + "\r\n\r\n" + packed, ok + "Content-Encoding: GZip\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(packed), packed),
		ok + "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", ok + "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", ok + "Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + packed[:12], ok + "Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\n{}",
		ok + "Content-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(len(packed)+4) + "\r\n\r\n" + packed + "rest", ok + "Content-Length: 5000\r\n\r\n" + strings.Repeat("x", 5000), ok + "X: " + strings.Repeat("x", 5000) + "\r\nContent-Length: 2\r\n\r\n{}",
		ok + strings.Repeat("X: 1\r\n", 100) + "Content-Length: 2\r\n\r\n{}", ok + strings.Repeat("X: 1\r\n", 20_000) + "Content-Length: 2\r\n\r\n{}", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 4000) + ok + "Content-Length: 0\r\n\r\n",
	}
}

// TestAnswers: what an answer is, and whether the connection lasts, is what net/http makes of it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, answer := range answers() {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			for _, ends := range []bool{false, true} {
				if text := differ(t, method, answer, ends); text != "" {
					t.Error(text)
				}
			}
		}
	}
}

// FuzzAnswers holds the reader of answers against that of net/http.
func FuzzAnswers(f *testing.F) {
	for _, answer := range answers() {
		const most = 1 << 10
		if len(answer) <= most {
			f.Add(answer, false, false)
			f.Add(answer, true, true)
		}
	}
	f.Fuzz(func(t *testing.T, answer string, head, ends bool) {
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		if text := differ(t, method, answer, ends); text != "" {
			t.Error(text)
		}
	})
}
