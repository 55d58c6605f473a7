package bff

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
)

// partialHeader carries the report of what is missing, over every protocol.
const partialHeader = "Sheaf-Partial"

// maxPartialHeader bounds it in bytes; peers commonly refuse headers beyond 8 KiB in all.
const maxPartialHeader = 4 << 10

// partialJSON is the report as JSON of printable ASCII. A report that is too long loses its drifts first, then its
// fields.
func partialJSON(partial *sheafv1.Partial) string {
	text := asciiJSON(partial)
	if len(text) <= maxPartialHeader {
		return text
	}
	short := &sheafv1.Partial{}
	for _, stale := range partial.GetStaleCalls() {
		short.StaleCalls = append(short.StaleCalls, &sheafv1.StaleCall{Call: stale.GetCall(), Age: stale.GetAge()})
	}
	for _, missing := range partial.GetMissingCalls() {
		short.MissingCalls = append(short.MissingCalls, &sheafv1.MissingCall{
			Call: missing.GetCall(), Code: missing.GetCode(), Retryable: missing.GetRetryable(), RetryAfter: missing.GetRetryAfter(),
		})
	}
	if text = asciiJSON(short); len(text) <= maxPartialHeader {
		return text
	}
	return "{}"
}

func asciiJSON(partial *sheafv1.Partial) string {
	raw, err := protojson.Marshal(partial)
	if err != nil {
		return "{}"
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return "{}"
	}
	compact, err := json.Marshal(value)
	if err != nil {
		return "{}"
	}
	return toASCII(compact)
}

// toASCII escapes what a header cannot carry.
func toASCII(text []byte) string {
	var ascii []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r < utf8.RuneSelf:
			ascii = append(ascii, byte(r))
		case r > 0xffff:
			r -= 0x10000
			ascii = fmt.Appendf(ascii, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			ascii = fmt.Appendf(ascii, `\u%04x`, r)
		}
		text = text[size:]
	}
	return string(ascii)
}
