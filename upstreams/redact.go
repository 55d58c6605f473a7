package upstreams

import (
	"bytes"
	"net/url"
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

// redact replaces the secrets in a text, as they are and in the forms that an echo may have.
func (s secrets) redact(text []byte) []byte {
	for _, secret := range s {
		for _, form := range formsOf(secret) {
			text = bytes.ReplaceAll(text, form, []byte("[redacted]"))
		}
	}
	return text
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
