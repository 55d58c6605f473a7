package bff

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// setTag names what a response to a GET holds. The tag is weak: the same message may be encoded in several ways.
func setTag(header http.Header, wire []byte) {
	sum := sha256.Sum256(wire)
	header.Set("ETag", `W/"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`)
}

// conditional answers 304 to a GET whose If-None-Match has the response's tag (RFC 9110, section 13.1.2), and lets no cache keep an
// error, since some statuses may be kept without being told (section 15.1).
func conditional(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w = &conditionalWriter{ResponseWriter: w, asked: strings.Join(r.Header["If-None-Match"], ",")}
		}
		next.ServeHTTP(w, r)
	})
}

// conditionalWriter leaves out the body of a response that the client has.
type conditionalWriter struct {
	http.ResponseWriter
	// asked are the tags that the client has; empty for none.
	asked          string
	begun, leftOut bool
}

// WriteHeader implements http.ResponseWriter.
func (c *conditionalWriter) WriteHeader(status int) {
	c.begun = true
	if status >= http.StatusBadRequest {
		c.Header().Set("Cache-Control", "no-store")
	}
	if c.leftOut = status == http.StatusOK && c.has(c.Header().Get("ETag")); c.leftOut {
		for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding"} {
			c.Header().Del(name)
		}
		status = http.StatusNotModified
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (c *conditionalWriter) Write(body []byte) (int, error) {
	if !c.begun {
		c.WriteHeader(http.StatusOK)
	}
	if c.leftOut {
		return len(body), nil
	}
	return c.ResponseWriter.Write(body)
}

// Unwrap is for http.ResponseController.
func (c *conditionalWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// has reports whether the client has the response with a tag, by the weak comparison.
func (c *conditionalWriter) has(tag string) bool {
	if tag == "" {
		return false
	}
	for one := range strings.SplitSeq(c.asked, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
