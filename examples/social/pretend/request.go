package pretend

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
)

// answer writes a JSON body.
func answer(w http.ResponseWriter, status int, body any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(status)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body)
	_, _ = w.Write(text.Bytes()) // the client may have gone
}

// readJSON reads a body of one JSON document into target, and refuses unknown fields.
func readJSON(r *http.Request, target any) error {
	if kind := r.Header.Get("Content-Type"); kind != "application/json" && kind != "application/json; charset=utf-8" {
		return fmt.Errorf("Content-Type is %q, not application/json", kind)
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read body: more follows after the document")
	}
	return nil
}

// readForm reads an application/x-www-form-urlencoded body, and refuses fields that are not allowed. Parameters of the
// query do not count.
func readForm(r *http.Request, allowed ...string) (url.Values, error) {
	if kind := r.Header.Get("Content-Type"); kind != "application/x-www-form-urlencoded" {
		return nil, fmt.Errorf("Content-Type is %q, not application/x-www-form-urlencoded", kind)
	}
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("read form: %w", err)
	}
	return r.PostForm, onlyNamed(r.PostForm, allowed)
}

// readQuery reads the query, and refuses parameters that are not allowed.
func readQuery(r *http.Request, allowed ...string) (url.Values, error) {
	query := r.URL.Query()
	return query, onlyNamed(query, allowed)
}

func onlyNamed(values url.Values, allowed []string) error {
	for name, given := range values {
		if !slices.Contains(allowed, name) {
			return fmt.Errorf("unknown parameter %q", name)
		}
		if len(given) > 1 && len(name) > 2 && name[len(name)-2:] != "[]" && name != "uris" {
			return fmt.Errorf("parameter %q is given twice", name)
		}
	}
	return nil
}

// bearer is the token of the Authorization header, or "".
func bearer(r *http.Request) string {
	const prefix = "Bearer "
	header := r.Header.Get("Authorization")
	if len(header) <= len(prefix) || header[:len(prefix)] != prefix {
		return ""
	}
	return header[len(prefix):]
}
