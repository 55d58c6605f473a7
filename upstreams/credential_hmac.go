package upstreams

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
)

// HMACCredential is a signature of each request with a shared key (RFC 2104).
type HMACCredential struct {
	// Header carries the signature.
	Header string
	Key    Secret
	// SHA512 and Base64 stand in for SHA-256 and hexadecimal.
	SHA512, Base64 bool
	// Text is what is signed, with the holes method, host, path, query, timestamp, body, body_sha256 and header.NAME. Path and
	// query are as they are sent.
	Text []TextPart
	// Value is the header's value, with the holes signature and timestamp.
	Value []TextPart
	// TimestampHeader carries the time in Unix seconds; empty for none.
	TimestampHeader string
}

// TextPart is a piece of a text with holes: either literal, or the name of a hole.
type TextPart struct{ Literal, Hole string }

// signed is what a request is signed by.
type signed struct {
	*outgoingRequest

	timestamp, signature string
}

// piece writes its part of a text.
type piece func(*signed) string

// textHoles and valueHoles are what the names of holes stand for, besides header.NAME.
var (
	textHoles = map[string]piece{
		"method":      func(s *signed) string { return s.Method },
		"host":        func(s *signed) string { return s.Host },
		"path":        func(s *signed) string { return s.URL.EscapedPath() },
		"query":       func(s *signed) string { return s.URL.RawQuery },
		"timestamp":   func(s *signed) string { return s.timestamp },
		"body":        func(s *signed) string { return string(s.call.Body) },
		"body_sha256": func(s *signed) string { return hashOf(s.call.Body) },
	}
	valueHoles = map[string]piece{
		"signature": func(s *signed) string { return s.signature },
		"timestamp": func(s *signed) string { return s.timestamp },
	}
)

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// hmacSigner is an HMACCredential whose texts have been read.
type hmacSigner struct {
	HMACCredential

	hash        func() hash.Hash
	encode      func([]byte) string
	text, value []piece
}

func (h HMACCredential) newSigner(*Client) (signer, error) {
	made := &hmacSigner{HMACCredential: h, hash: sha256.New, encode: hex.EncodeToString}
	if h.SHA512 {
		made.hash = sha512.New
	}
	if h.Base64 {
		made.encode = base64.StdEncoding.EncodeToString
	}
	text, err := pieces(h.Text, textHoles)
	if err != nil {
		return nil, err
	}
	value, err := pieces(h.Value, valueHoles)
	if len(text) == 0 || len(value) == 0 {
		err = errors.Join(err, errors.New("hmac has nothing to sign, or no value"))
	}
	made.text, made.value = text, value
	return made, err
}

func pieces(parts []TextPart, holes map[string]piece) ([]piece, error) {
	var found []piece
	for _, part := range parts {
		one, known := holes[part.Hole]
		header, isHeader := strings.CutPrefix(part.Hole, "header.")
		switch {
		case part.Hole == "":
			one = func(*signed) string { return part.Literal }
		case isHeader:
			one = func(s *signed) string { return strings.Join(s.Header.Values(header), ", ") }
		case !known:
			return nil, fmt.Errorf("unknown hole ${%s}", part.Hole)
		}
		found = append(found, one)
	}
	return found, nil
}

func (h *hmacSigner) sign(_ context.Context, out *outgoingRequest) error {
	key, err := out.reveal(h.Key)
	if err != nil {
		return err
	}
	now := &signed{outgoingRequest: out, timestamp: strconv.FormatInt(time.Now().Unix(), 10)}
	if h.TimestampHeader != "" {
		out.Header.Set(h.TimestampHeader, now.timestamp)
	}
	sum := hmac.New(h.hash, []byte(key))
	_, _ = sum.Write([]byte(now.written(h.text))) // a hash takes everything
	now.signature = h.encode(sum.Sum(nil))
	out.setHeader(h.Header, now.written(h.value))
	return nil
}

func (s *signed) written(pieces []piece) string {
	var text strings.Builder
	for _, piece := range pieces {
		text.WriteString(piece(s))
	}
	return text.String()
}
