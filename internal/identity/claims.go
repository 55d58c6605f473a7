package identity

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// claims are the members of a JSON object, by their names.
type claims map[string]jsontext.Value

var errNoObject = errors.New("not one JSON object with each name once")

// readClaims reads a JSON object strictly: each name stands once, at any depth, all of it is UTF-8, and nothing is behind it. What it
// returns shares the memory of text.
func readClaims(text []byte) (claims, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(text))
	if decoder.PeekKind() != jsontext.KindBeginObject {
		return nil, errNoObject
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, errNoObject
	}
	read := claims{}
	for decoder.PeekKind() == jsontext.KindString {
		name, err := decoder.ReadToken()
		if err != nil {
			return nil, errNoObject
		}
		key := name.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, errNoObject
		}
		end := int(decoder.InputOffset())
		read[key] = text[end-len(value) : end]
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, errNoObject
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return read, nil
}

// text is a claim that is a text; ok is false if there is none, or it is something else.
func (c claims) text(name string) (text string, ok bool) {
	value := c[name]
	if value.Kind() != jsontext.KindString {
		return "", false
	}
	unquoted, err := jsontext.AppendUnquote(nil, value)
	return string(unquoted), err == nil
}

// texts is a claim that is a text or a list of texts.
func (c claims) texts(name string) (texts []string, ok bool) {
	if text, ok := c.text(name); ok {
		return []string{text}, true
	}
	value := c[name]
	if value.Kind() != jsontext.KindBeginArray {
		return nil, false
	}
	decoder := jsontext.NewDecoder(bytes.NewBuffer(value))
	_, _ = decoder.ReadToken() // the bracket; readClaims has read all of it before
	for decoder.PeekKind() == jsontext.KindString {
		text, err := decoder.ReadToken()
		if err != nil {
			return nil, false
		}
		texts = append(texts, text.String())
	}
	return texts, decoder.PeekKind() == jsontext.KindEndArray
}

// lastDate is the end of the year 9999 in seconds.
const lastDate = 253402300799

// date is a claim that is a time in seconds (RFC 7519, section 2); ok is false if it is something else. Without it, it is zero.
func (c claims) date(name string) (at time.Time, ok bool) {
	value, present := c[name]
	if !present {
		return time.Time{}, true
	}
	if value.Kind() != jsontext.KindNumber {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(string(value), 64)
	if err != nil || seconds < 0 || seconds > lastDate {
		return time.Time{}, false
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true
}

// lifetime is when a proof has begun, was made, and ends, as far as its claims say so.
type lifetime struct{ begins, issued, ends time.Time }

func (c claims) lifetime() (lifetime, error) {
	var read lifetime
	for _, one := range []struct {
		name string
		to   *time.Time
	}{{"exp", &read.ends}, {"nbf", &read.begins}, {"iat", &read.issued}} {
		at, ok := c.date(one.name)
		if !ok {
			return read, refuse("claim " + one.name + " is no time")
		}
		*one.to = at
	}
	return read, nil
}

// check refuses what holds no more, or not yet, for clocks that are apart by skew.
func (l *lifetime) check(now time.Time, skew time.Duration) error {
	switch {
	case !l.ends.IsZero() && !now.Before(l.ends.Add(skew)):
		return refuse("token has expired")
	case l.begins.After(now.Add(skew)):
		return refuse("token is not valid yet")
	case l.issued.After(now.Add(skew)):
		return refuse("token was issued in the future")
	default:
		return nil
	}
}

// checkAudience refuses what is for none of these.
func (c claims) checkAudience(audiences []string) error {
	named, ok := c.texts("aud")
	switch {
	case !ok:
		return refuse("claim aud is no text and no list of texts")
	case !slices.ContainsFunc(named, func(one string) bool { return slices.Contains(audiences, one) }):
		return refuse("token is for another audience")
	default:
		return nil
	}
}

// maxID bounds the id of a caller in bytes; that of an issuer is at most 255 (OpenID Connect Core, section 2).
const maxID = 512

// id is the first of these claims that there is. It is a text that can be printed.
func (c claims) id(names ...string) (string, error) {
	for _, name := range names {
		if _, present := c[name]; !present {
			continue
		}
		id, ok := c.text(name)
		if !ok || id == "" || len(id) > maxID || strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return "", refuse("claim " + name + " is no text that could be an id")
		}
		return id, nil
	}
	return "", refuse("claim " + strings.Join(names, " or ") + " is missing")
}

// scopes are those of the first of these claims that there is: a text with spaces, or a list.
func (c claims) scopes(names ...string) ([]string, error) {
	for _, name := range names {
		if _, present := c[name]; !present {
			continue
		}
		if text, ok := c.text(name); ok {
			return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), nil
		}
		listed, ok := c.texts(name)
		if !ok {
			return nil, refuse("claim " + name + " is no text and no list of texts")
		}
		return listed, nil
	}
	return nil, nil
}

// checkUnbound refuses a token that is bound to a key (RFC 7800): whoever has stolen it does not have the key, and a bearer does not
// prove it.
func (c claims) checkUnbound() error {
	if _, present := c["cnf"]; present {
		return refuse("token is bound to a key, which is not supported")
	}
	return nil
}

// newCaller is a caller with the claims of an object, without white space between them.
func newCaller(from *Caller, object []byte) *Caller {
	compact := jsontext.Value(slices.Clone(object))
	_ = compact.Compact() // it has been read before
	made := New(from.Provider, from.ID, from.Issuer, from.Scopes, compact)
	made.Expires = from.Expires
	return made
}
