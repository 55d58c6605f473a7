package policy

import (
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect"
)

const (
	maxIdempotencyKey = 255
	// minAnonymousKey is the shortest key of callers that prove nothing: whoever guesses one could take it, so that it has to be random.
	// So long are 128 bits in base64.
	minAnonymousKey = 22
)

// parseIdempotencyKey is the key of a request; empty for none, and false for one that is none. It is the text as it stands, or a String
// of structured fields, as draft-ietf-httpapi-idempotency-key-header has it.
func parseIdempotencyKey(header http.Header) (key string, ok bool) {
	values := header.Values(IdempotencyKeyHeader)
	if len(values) == 0 {
		return "", true
	}
	key = strings.Trim(values[0], " \t")
	if quoted, isQuoted := strings.CutPrefix(key, `"`); isQuoted {
		key, ok = unquote(quoted)
	} else {
		ok = !strings.Contains(key, ",") // which would be several in one line
	}
	return key, ok && len(values) == 1 && isVisible(key)
}

// unquote reads a String of structured fields (RFC 9651, section 4.2.5) behind its first quote, with nothing behind its last one.
func unquote(quoted string) (string, bool) {
	var text strings.Builder
	for i := 0; i < len(quoted); i++ {
		switch char := quoted[i]; {
		case char == '"':
			return text.String(), i == len(quoted)-1
		case char != '\\':
			text.WriteByte(char)
		case i+1 < len(quoted) && (quoted[i+1] == '"' || quoted[i+1] == '\\'):
			i++
			text.WriteByte(quoted[i])
		default:
			return "", false
		}
	}
	return "", false
}

// isVisible reports whether a key is of characters that everybody sees, and of no more than there may be.
func isVisible(key string) bool {
	outside := func(char rune) bool { return char < '!' || char > '~' }
	return key != "" && len(key) <= maxIdempotencyKey && !strings.ContainsFunc(key, outside)
}

// checkKey is the key of a request that is used, or why it cannot be.
func (i *Idempotency) checkKey(call *Call, header http.Header) (string, *connect.Error) {
	key, ok := parseIdempotencyKey(header)
	switch {
	case !ok:
		return "", failure(connect.CodeInvalidArgument, "Idempotency-Key has to be one text of 1 to 255 visible ASCII characters", "IDEMPOTENCY_KEY_INVALID")
	case key == "" && i.config.Required:
		return "", failure(connect.CodeInvalidArgument,
			"this RPC needs an Idempotency-Key: a text for each thing that is to be done, such as a random UUID, which is sent again if that is tried again",
			"IDEMPOTENCY_KEY_MISSING")
	case key != "" && call.Caller.IsAnonymous() && len(key) < minAnonymousKey:
		return "", failure(connect.CodeInvalidArgument,
			fmt.Sprintf("without a proof of who calls, an Idempotency-Key has at least %d characters, and is random, such as a UUID", minAnonymousKey),
			"IDEMPOTENCY_KEY_WEAK")
	default:
		return key, nil
	}
}
