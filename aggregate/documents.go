package aggregate

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/projection"
)

var errIn2xx = errors.New("answered with a good status, and an error")

// maxText bounds the text of an answer that expressions see, in bytes.
const maxText = 4 << 10

// answerJSON is an answer as expressions see it: status, headers (joined as RFC 9110, section 5.2 says), header_values, text,
// and body where it is JSON.
func answerJSON(status int, header http.Header, body []byte) []byte {
	dst := metaJSON(status, header, nil)
	dst = append(dst[:len(dst)-1], `,"text":`...)
	dst = appendText(dst, string(body[:min(len(body), maxText)]))
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && jsontext.Value(trimmed).IsValid() {
		dst = append(append(dst, `,"body":`...), trimmed...)
	}
	return append(dst, '}')
}

// metaJSON is what is known about a call besides its answer.
func metaJSON(status int, header http.Header, failure *Failure) []byte {
	dst := []byte(`{"status":`)
	dst = strconv.AppendInt(dst, int64(status), 10)
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	dst = append(dst, `,"headers":{`...)
	for i, name := range names {
		dst = appendComma(dst, i)
		dst = append(appendText(dst, strings.ToLower(name)), ':')
		dst = appendText(dst, strings.Join(header[name], ", "))
	}
	dst = append(dst, `},"header_values":{`...)
	for i, name := range names {
		dst = appendComma(dst, i)
		dst = append(appendText(dst, strings.ToLower(name)), ':', '[')
		for j, value := range header[name] {
			dst = appendText(appendComma(dst, j), value)
		}
		dst = append(dst, ']')
	}
	dst = append(dst, '}')
	if failure != nil {
		dst = appendFailure(append(dst, `,"error":`...), failure)
	}
	return append(dst, '}')
}

// appendFailure appends what clients may know of a failure.
func appendFailure(dst []byte, failure *Failure) []byte {
	told, message := failure.Told()
	dst = appendText(append(dst, `{"code":`...), told.String())
	dst = appendText(append(dst, `,"reason":`...), string(failure.Reason))
	dst = appendText(append(dst, `,"message":`...), message)
	dst = strconv.AppendBool(append(dst, `,"retryable":`...), failure.Retryable)
	if failure.RetryAfter > 0 {
		dst = append(dst, `,"retry_after":"`...)
		dst = strconv.AppendFloat(dst, failure.RetryAfter.Round(time.Millisecond).Seconds(), 'f', -1, 64)
		dst = append(dst, `s"`...)
	}
	if len(failure.Violations) > 0 {
		dst = append(dst, `,"violations":[`...)
		for i, violation := range failure.Violations {
			dst = appendText(append(appendComma(dst, i), `{"field":`...), violation.Field)
			dst = appendText(append(dst, `,"description":`...), violation.Description)
			dst = append(appendText(append(dst, `,"reason":`...), violation.Reason), '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendComma(dst []byte, index int) []byte {
	if index > 0 {
		return append(dst, ',')
	}
	return dst
}

// appendText appends a text as JSON; what is no UTF-8 in it is replaced.
func appendText(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, strings.ToValidUTF8(text, "\uFFFD"))
	return dst
}

// keepMeta keeps what expressions ask about a call.
func (r *run) keepMeta(index int, got *reply) {
	shape := r.plan.Calls[index].Meta
	if shape == nil {
		return
	}
	status, header := 0, http.Header(nil)
	if got != nil {
		status, header = got.status, got.header
	}
	failure := r.calls[index].Failure
	if failure != nil && failure.Answer != nil {
		status, header = failure.Answer.Status, failure.Answer.Header
	}
	document, err := shape.Scan(metaJSON(status, header, failure))
	if err == nil {
		r.scope.Answers[r.documents.Meta(index)] = document
	}
}

// keepWarnings lists the optional calls that failed and have something to say about it.
func (r *run) keepWarnings() {
	if r.plan.Shapes.Warnings == nil {
		return
	}
	dst := []byte{'['}
	count := 0
	for i, call := range r.plan.Calls {
		failure := r.calls[i].Failure
		if failure == nil || call.Warning == "" {
			continue
		}
		told, _ := failure.Told()
		dst = appendText(append(appendComma(dst, count), `{"call":`...), call.Name)
		dst = appendText(append(dst, `,"code":`...), told.String())
		dst = append(appendText(append(dst, `,"message":`...), call.Warning), '}')
		count++
	}
	r.scope.Answers[r.documents.Warnings()] = r.scan(r.plan.Shapes.Warnings, append(dst, ']'))
}

// scan finds what is needed in a document of our own; nil for nothing.
func (r *run) scan(shape *projection.Shape, own []byte) *projection.Document {
	if shape == nil {
		return nil
	}
	document, err := shape.Scan(own)
	if err != nil {
		return nil
	}
	return document
}
