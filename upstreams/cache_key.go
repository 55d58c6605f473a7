package upstreams

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// keys are what answers are kept by.
type keys struct {
	prefix string
	// ignored are headers that are not part of a key.
	ignored map[string]bool
}

// newKeys are those of an upstream at a base URL, whose every request has fixed headers. It ignores headers of calls, but never those
// that say who asks.
func newKeys(upstream, base string, fixed http.Header, ignored []string) keys {
	var prefix strings.Builder
	prefix.WriteString(upstream + " " + base + "\n")
	_ = fixed.Write(&prefix)                                                                            // a builder takes everything
	k := keys{prefix: prefix.String(), ignored: map[string]bool{"Cache-Control": true, "Pragma": true}} // these ask for no other answer
	for _, name := range ignored {
		k.ignored[http.CanonicalHeaderKey(name)] = true
	}
	for _, name := range identities {
		delete(k.ignored, name)
	}
	return k
}

// target begins every key of what a path and a query name. The part in braces decides the node of a cluster: an answer and what is
// known of its changes are on the same one, and are away together.
func (k *keys) target(path, query string) string {
	const enough = 16
	sum := sha256.New()
	writeParts(sum, k.prefix, path, query)
	return "cache:{" + hex.EncodeToString(sum.Sum(nil)[:enough]) + "}:"
}

// keyOf is the key of a request: a hash, since it holds what is only the caller's, such as a token.
func (k *keys) keyOf(request *Request) string {
	sum := sha256.New()
	writeParts(sum, k.prefix, request.Path, request.Query, request.Account, request.Authorization.Reveal(), fmt.Sprint(request.AbsentOn), string(request.Body))
	for _, name := range slices.Sorted(maps.Keys(request.Header)) {
		if !k.ignored[name] {
			values := request.Header[name]
			writeParts(sum, name, strconv.Itoa(len(values)))
			writeParts(sum, values...)
		}
	}
	return k.target(request.Path, request.Query) + hex.EncodeToString(sum.Sum(nil))
}

// variantOf is the key of the answer to a request with certain headers (RFC 9111, section 4.1).
func (k *keys) variantOf(key string, vary []string, header http.Header) string {
	sum := sha256.New()
	for _, name := range vary {
		values := header.Values(name)
		writeParts(sum, name, strconv.FormatBool(len(values) > 0), normalized(values))
	}
	return key + ":" + hex.EncodeToString(sum.Sum(nil))
}

// normalized are values as one list, without the white space around its members, which says nothing.
func normalized(values []string) string {
	parts := strings.Split(strings.Join(values, ","), ",")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	return strings.Join(parts, ",")
}

// dependsOn reports whether one of these headers is not part of keys.
func (k *keys) dependsOn(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return k.ignored[name] })
}

// changeOf is the key of the time when what a path and a query name was changed.
func (k *keys) changeOf(path, query string) string { return k.target(path, query) + "change" }

// writeParts writes texts so that no two lists of them are the same.
func writeParts(sum io.Writer, parts ...string) {
	for _, part := range parts {
		_, _ = fmt.Fprintf(sum, "%d:%s,", len(part), part) // a hash takes everything
	}
}
