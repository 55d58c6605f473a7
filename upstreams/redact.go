package upstreams

import (
	"bytes"
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// secrets are those that a request carries. An upstream may say them again in its answer, which is for logs and error rules.
type secrets []string

// shortestSecret is the length in bytes from which a text can be told from an ordinary word.
const shortestSecret = 5

// add notes a secret.
func (s *secrets) add(text string) {
	if len(text) >= shortestSecret {
		*s = append(*s, text)
	}
}

// redact replaces the secrets in a text, as they are and in the forms that an echo may have; of two that begin alike the longer one
// first.
func (s secrets) redact(text []byte) []byte {
	for _, form := range s.forms() {
		text = bytes.ReplaceAll(text, form, []byte("[redacted]"))
	}
	return text
}

// redactHeader is a header without the secrets.
func (s secrets) redactHeader(header http.Header) http.Header {
	redacted := header.Clone()
	for _, values := range redacted {
		for i, value := range values {
			values[i] = string(s.redact([]byte(value)))
		}
	}
	return redacted
}

// longestError is how much of an error's text is told, in bytes: it may quote what the upstream has sent.
const longestError = 1000

// redactError is an error without the secrets in its text, and with no more of it than is of use.
func (s secrets) redactError(err error) error {
	was := err.Error()
	text := string(s.redact([]byte(was)))
	if len(text) > longestError {
		text = strings.ToValidUTF8(text[:longestError], "") + "..."
	}
	if text == was {
		return err
	}
	return &redactedError{text: text, err: err}
}

// redactedError is an error in other words.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }

func (e *redactedError) Unwrap() error { return e.err }

// longest is the length in bytes of the longest form of a secret; one that is cut off there cannot be told any more.
func (s secrets) longest() int64 {
	if forms := s.forms(); len(forms) > 0 {
		return int64(len(forms[0]))
	}
	return 0
}

// forms are those of all secrets, the longest first.
func (s secrets) forms() [][]byte {
	var all [][]byte
	for _, secret := range s {
		all = append(all, formsOf(secret)...)
	}
	slices.SortStableFunc(all, func(x, y []byte) int { return cmp.Compare(len(y), len(x)) })
	return all
}

// formsOf are a text as it is, and as JSON, a URL's query and its path write it.
func formsOf(text string) [][]byte {
	forms := []string{text, url.QueryEscape(text), url.PathEscape(text)}
	if quoted, err := jsontext.AppendQuote(nil, text); err == nil {
		forms = append(forms, strings.Trim(string(quoted), `"`))
	}
	var different [][]byte
	for i, form := range forms {
		if i == 0 || form != text {
			different = append(different, []byte(form))
		}
	}
	return different
}
