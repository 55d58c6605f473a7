package bff

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/httpcache"
)

// setFreshness says how far the response to a GET may be kept, so that browsers and content delivery networks can. The tag is weak: the
// same message may be encoded in several ways.
func setFreshness(header http.Header, result *aggregate.Result) {
	header.Set("Cache-Control", httpcache.Passing(result.Freshness).CacheControl())
	header.Add("Vary", "Accept-Encoding")
	sum := sha256.Sum256(result.Message)
	header.Set("ETag", `W/"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`)
}

// conditional answers 304 to a GET whose If-None-Match has the response's tag (RFC 9110, section 13.1.2).
func conditional(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked := r.Header.Get("If-None-Match"); r.Method == http.MethodGet && asked != "" {
			w = &conditionalWriter{ResponseWriter: w, asked: asked}
		}
		next.ServeHTTP(w, r)
	})
}

// conditionalWriter leaves out the body of a response that the client has.
type conditionalWriter struct {
	http.ResponseWriter
	asked          string
	begun, leftOut bool
}

// WriteHeader implements http.ResponseWriter.
func (c *conditionalWriter) WriteHeader(status int) {
	c.begun = true
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
