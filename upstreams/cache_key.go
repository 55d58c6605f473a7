package upstreams

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
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

// newKeys ignores headers, but never those that say who asks.
func newKeys(upstream, base string, ignored []string) keys {
	k := keys{prefix: upstream + " " + base, ignored: map[string]bool{"Cache-Control": true, "Pragma": true}} // these ask for no other answer
	for _, name := range ignored {
		k.ignored[http.CanonicalHeaderKey(name)] = true
	}
	for _, name := range identities {
		delete(k.ignored, name)
	}
	return k
}

// keyOf is the key of a request: a hash, since it holds what is only the caller's, such as a token.
func (k *keys) keyOf(request *Request) string {
	sum := k.begin("answer", request.Path, request.Query)
	writeParts(sum, request.Account, fmt.Sprint(request.AbsentOn), string(request.Body))
	for _, name := range slices.Sorted(maps.Keys(request.Header)) {
		if !k.ignored[name] {
			values := request.Header[name]
			writeParts(sum, name, strconv.Itoa(len(values)))
			writeParts(sum, values...)
		}
	}
	return finish(sum)
}

// variantOf is the key of the answer to a request with certain headers (RFC 9111, section 4.1).
func (k *keys) variantOf(key string, vary []string, header http.Header) string {
	sum := sha256.New()
	writeParts(sum, "variant", key)
	for _, name := range vary {
		values := header.Values(name)
		writeParts(sum, name, strconv.FormatBool(len(values) > 0), normalized(values))
	}
	return finish(sum)
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

// begin hashes what a request is about.
func (k *keys) begin(kind, path, query string) hash.Hash {
	sum := sha256.New()
	writeParts(sum, kind, k.prefix, path, query)
	return sum
}

// changeOf is the key of the time when what a path and a query name was changed.
func (k *keys) changeOf(path, query string) string { return finish(k.begin("change", path, query)) }

// writeParts writes texts so that no two lists of them are the same.
func writeParts(sum io.Writer, parts ...string) {
	for _, part := range parts {
		_, _ = fmt.Fprintf(sum, "%d:%s,", len(part), part) // a hash takes everything
	}
}

func finish(sum hash.Hash) string { return "cache:" + hex.EncodeToString(sum.Sum(nil)) }
