package httpcache

import (
	"math"
	"net/http"
	"strings"
	"time"
)

// Control is what Cache-Control says (RFC 9111, section 5.2; RFC 5861; RFC 8246), whichever side sent it.
type Control struct {
	NoStore, NoCache, Private, Public, MustRevalidate, ProxyRevalidate, MustUnderstand, OnlyIfCached bool
	// The times are nil where the directive is missing. One that cannot be read, or is negative, is 0; of several, the shortest
	// counts.
	MaxAge, SMaxAge, MinFresh, MaxStale, StaleWhileRevalidate, StaleIfError *time.Duration
}

// forever is longer than any age, and is max-stale without a value. It is what a time too large to count stands for (section
// 1.2.2).
const forever = math.MaxInt32 * time.Second

// ParseControl reads all lines of Cache-Control. An unknown directive says nothing; Pragma: no-cache is one where there is no
// Cache-Control (section 5.4).
func ParseControl(header http.Header) Control {
	var control Control
	lines := header.Values("Cache-Control")
	for _, line := range lines {
		for directive := range directives(line) {
			control.add(directive)
		}
	}
	if len(lines) == 0 && strings.EqualFold(strings.TrimSpace(header.Get("Pragma")), "no-cache") {
		control.NoCache = true
	}
	return control
}

// directive is one directive; its value is empty without one. valued is set if there is a "=".
type directive struct {
	name, value string
	valued      bool
}

// directives splits a line at its commas, but not at those in quoted strings.
func directives(line string) func(yield func(directive) bool) {
	return func(yield func(directive) bool) {
		for line != "" {
			end, quoted := 0, false
			for ; end < len(line) && (quoted || line[end] != ','); end++ {
				switch {
				case line[end] == '"':
					quoted = !quoted
				case quoted && line[end] == '\\':
					end++
				}
			}
			end = min(end, len(line))
			name, value, valued := strings.Cut(strings.Trim(line[:end], " \t"), "=")
			if !yield(directive{strings.ToLower(name), unquote(value), valued}) {
				return
			}
			line = line[min(end+1, len(line)):]
		}
	}
}

func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

func (c *Control) add(directive directive) {
	switch directive.name {
	case "no-store":
		c.NoStore = true
	case "no-cache": // with names of fields, too: whether they are all that is not to be used is not worth finding out
		c.NoCache = true
	case "private":
		c.Private = true
	case "public":
		c.Public = true
	case "must-revalidate":
		c.MustRevalidate = true
	case "proxy-revalidate":
		c.ProxyRevalidate = true
	case "must-understand":
		c.MustUnderstand = true
	case "only-if-cached":
		c.OnlyIfCached = true
	case "max-age":
		shorten(&c.MaxAge, seconds(directive.value))
	case "s-maxage":
		shorten(&c.SMaxAge, seconds(directive.value))
	case "min-fresh":
		shorten(&c.MinFresh, seconds(directive.value))
	case "max-stale":
		limit := forever
		if directive.valued {
			limit = seconds(directive.value)
		}
		shorten(&c.MaxStale, limit)
	case "stale-while-revalidate":
		shorten(&c.StaleWhileRevalidate, seconds(directive.value))
	case "stale-if-error":
		shorten(&c.StaleIfError, seconds(directive.value))
	}
}

func shorten(limit **time.Duration, value time.Duration) {
	if *limit == nil || value < **limit {
		*limit = &value
	}
}

// seconds reads delta-seconds (section 1.2.2); what is none is 0.
func seconds(text string) time.Duration {
	value, ok := deltaSeconds(text)
	if !ok {
		return 0
	}
	return value
}

func deltaSeconds(text string) (time.Duration, bool) {
	if text == "" {
		return 0, false
	}
	value := time.Duration(0)
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		value = min(value*10+time.Duration(text[i]-'0')*time.Second, forever)
	}
	return value, true
}
