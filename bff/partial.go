package bff

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
	"github.com/sheaf-rpc/sheaf/internal/wirejson"
)

// partialHeader carries the report of what is missing, over every protocol.
const partialHeader = "Sheaf-Partial"

// maxPartialHeader bounds it in bytes; peers commonly refuse headers beyond 8 KiB in all.
const maxPartialHeader = 4 << 10

// partials writes reports of what is missing for the header. It is safe for concurrent use.
type partials struct{ writer *wirejson.Writer }

func newPartials(types *wirejson.Types) partials {
	return partials{types.Writer((*sheafv1.Partial)(nil).ProtoReflect().Descriptor())}
}

// text is a report as JSON of printable ASCII. A report that is too long loses its drifts first, then its fields.
func (p partials) text(partial *sheafv1.Partial) string {
	text := p.ascii(partial)
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
	if text = p.ascii(short); len(text) <= maxPartialHeader {
		return text
	}
	return "{}"
}

func (p partials) ascii(partial *sheafv1.Partial) string {
	wire, err := proto.Marshal(partial)
	if err != nil {
		return "{}"
	}
	text, err := p.writer.Append(nil, wire)
	if err != nil {
		return "{}"
	}
	return toASCII(text)
}

// toASCII escapes what a header cannot carry.
func toASCII(text []byte) string {
	ascii := make([]byte, 0, len(text))
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
