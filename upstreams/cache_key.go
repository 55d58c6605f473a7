package upstreams

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keys are what answers are kept by.
type keys struct {
	prefix string
	// ignored are headers that are not part of a key.
	ignored map[string]bool
}

func newKeys(upstream, base string, ignored []string) keys {
	k := keys{prefix: upstream + " " + base, ignored: map[string]bool{"Cache-Control": true, "Pragma": true}} // these ask for no other answer
	for _, name := range ignored {
		k.ignored[http.CanonicalHeaderKey(name)] = true
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
	writeParts(sum, k.prefix, request.Path, request.Query, request.Account, request.Authorization.Reveal(), fmt.Sprint(request.AbsentOn))
	for _, name := range slices.Sorted(maps.Keys(request.Header)) {
		if canonical := http.CanonicalHeaderKey(name); !k.ignored[canonical] {
			writeParts(sum, canonical, strings.Join(request.Header[name], ", "))
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

// normalized are values as one list, without white space that says nothing.
func normalized(values []string) string {
	parts := strings.Split(strings.Join(values, ","), ",")
	for i, part := range parts {
		parts[i] = strings.Join(strings.Fields(part), " ")
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

// keepChange is how long it is known that a resource has changed: longer than anything is kept that cannot be validated.
const keepChange = 24 * time.Hour

// changed notes that a request has changed what its URL names, and what its answer says that it has changed, so that answers from
// before are not given any more (RFC 9111, section 4.4).
func (k *cache) changed(ctx context.Context, exchange exchange, answer *Answer, err error) {
	if err != nil || exchange.Method == http.MethodHead || exchange.Method == http.MethodOptions {
		return
	}
	now, _ := time.Now().MarshalBinary() // fails only for zones of fractions of a minute
	note := func(path, query string) {
		_ = k.store.Set(ctx, k.changeOf(path, query), now, keepChange) // without a store nothing is given, either
	}
	note(exchange.Path, exchange.Query)
	for _, name := range []string{"Location", "Content-Location"} {
		if path, query, ok := k.below(exchange.Request, answer.Header.Get(name)); ok {
			note(path, query)
		}
	}
}

// below is the path and the query of a reference that an answer makes; false if it leads elsewhere.
func (k *cache) below(request *Request, reference string) (path, query string, ok bool) {
	prefix := strings.TrimSuffix(k.url.EscapedPath(), "/")
	asked, err := k.url.Parse(prefix + request.Path)
	if err != nil || reference == "" {
		return "", "", false
	}
	meant, err := asked.Parse(reference)
	if err != nil || meant.Scheme != k.url.Scheme || meant.Host != k.url.Host {
		return "", "", false
	}
	path, ok = strings.CutPrefix(meant.EscapedPath(), prefix)
	return path, meant.RawQuery, ok
}

// changedSince reports whether what a URL names has been changed through Sheaf since a time.
func (k *cache) changedSince(ctx context.Context, exchange exchange, since time.Time) bool {
	noted, ok, err := k.store.Get(ctx, k.changeOf(exchange.Path, exchange.Query))
	if err != nil || !ok {
		return err != nil
	}
	var at time.Time
	return at.UnmarshalBinary(noted) != nil || !at.Before(since)
}
