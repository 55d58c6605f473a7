package httpwire

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// readHead reads the head of the answer, past informational ones. It sets err to io.EOF if there is no body.
func (x *exchange) readHead(request *http.Request) error {
	reader := x.connection.reader
	if _, err := reader.Peek(1); err != nil {
		return err
	}
	buffered, _ := reader.Peek(reader.Buffered()) // what is there can be had
	if size := x.readUsual(buffered, request.Method); size > 0 {
		_, err := reader.Discard(size)
		return err
	}
	for {
		response, err := http.ReadResponse(reader, request) //nolint:bodyclose // it is this exchange's
		if err != nil {
			return err
		}
		if response.StatusCode/100 == 1 && response.StatusCode != http.StatusSwitchingProtocols {
			continue // the bound of the head holds for all of them
		}
		x.response, x.framed = *response, response.Body
		x.lasting = !response.Close && response.StatusCode >= http.StatusOK
		if response.Body == http.NoBody {
			x.err = io.EOF
		}
		return nil
	}
}

var endOfHead = []byte("\r\n\r\n")

// readUsual reads a head of the most usual form, and returns its size. It returns 0 for any other, and for one that has not come whole:
// net/http judges those.
func (x *exchange) readUsual(buffered []byte, method string) int {
	size := bytes.Index(buffered, endOfHead)
	if size < 0 || method == http.MethodHead {
		return 0
	}
	read, ok := parseHead(string(buffered[:size+len("\r\n")]))
	if !ok {
		return 0
	}
	x.response = http.Response{
		Status: read.line, StatusCode: read.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: read.header, ContentLength: read.length, Body: http.NoBody,
	}
	if x.rest = read.length; x.rest == 0 {
		x.err = io.EOF
	}
	return size + len(endOfHead)
}

// head is that of an answer over HTTP/1.1 with a body of declared length, and nothing that changes what that means.
type head struct {
	line   string
	status int
	header http.Header
	length int64
}

// parseHead reads lines that each end in CR LF. It reads as net/http does, or not at all.
func parseHead(lines string) (head, bool) {
	first, lines, _ := strings.Cut(lines, "\r\n")
	read, ok := parseStatus(first)
	if !ok {
		return head{}, false
	}
	count := strings.Count(lines, "\r\n")
	read.header, read.length = make(http.Header, count), -1
	values := make([]string, count)
	for at := range values {
		var line string
		line, lines, _ = strings.Cut(lines, "\r\n")
		name, value, ok := parseField(line)
		if !ok || !read.isUsual(name, value) {
			return head{}, false
		}
		if before := read.header[name]; before != nil {
			read.header[name] = append(before, value)
			continue
		}
		values[at] = value
		read.header[name] = values[at : at+1 : at+1]
	}
	return read, read.length >= 0
}

// parseStatus reads a line such as "HTTP/1.1 200 OK" of an answer that may have a body.
func parseStatus(line string) (head, bool) {
	const version, digits = "HTTP/1.1 ", 3
	line, ok := strings.CutPrefix(line, version)
	if !ok || len(line) < digits || len(line) > digits && line[digits] != ' ' || strings.ContainsAny(line, "\r\n") {
		return head{}, false
	}
	status, ok := parseDecimal(line[:digits])
	if !ok || status < http.StatusOK || status == http.StatusNoContent || status == http.StatusNotModified {
		return head{}, false
	}
	return head{line: line, status: int(status)}, true
}

// parseField reads a line such as "Content-Type: application/json".
func parseField(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
		return "", "", false
	}
	return http.CanonicalHeaderKey(name), strings.Trim(value, " \t"), true
}

// isUsual takes notice of a field. It reports false for one that may change how the body is to be read, or whether the connection lasts.
func (h *head) isUsual(name, value string) bool {
	switch name {
	case "Content-Length":
		length, ok := parseDecimal(value)
		if !ok || h.length >= 0 {
			return false
		}
		h.length = length
	case "Connection":
		return strings.EqualFold(value, "keep-alive")
	case "Transfer-Encoding", "Trailer", "Pragma":
		return false
	}
	return true
}

// parseDecimal reads digits alone, of a number that cannot overflow.
func parseDecimal(text string) (int64, bool) {
	const most = 18
	if text == "" || len(text) > most {
		return 0, false
	}
	var number int64
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		number = number*10 + int64(text[i]-'0')
	}
	return number, true
}
