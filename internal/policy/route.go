package policy

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// Route decides which requests of an RPC are answered in another way.
type Route struct {
	Name string
	// When and Sticky are nil for always, and for by chance.
	When, Sticky *expr.Program
	// Share is the part of the requests that it takes.
	Share float64
}

// Takes reports whether it takes a request. What cannot be evaluated is taken by none, and has no key.
func (r *Route) Takes(ctx context.Context, facts *Facts) bool {
	if r.Share <= 0 {
		return false
	}
	if r.When != nil {
		if fulfilled, err := holds(ctx, r.When, facts); err != nil || !fulfilled {
			return false
		}
	}
	switch {
	case r.Share >= 1:
		return true
	case r.Sticky == nil:
		return rand.Float64() < r.Share //nolint:gosec // nothing depends on nobody's guessing it
	}
	key, ok := r.key(ctx, facts)
	return ok && Place(r.Name, key) < r.Share
}

// key is the text of the sticky key; false for none.
func (r *Route) key(ctx context.Context, facts *Facts) (string, bool) {
	value, outcome, _ := r.Sticky.Eval(ctx, facts)
	if outcome != expr.Found {
		return "", false
	}
	switch key := value.Value().(type) {
	case string:
		return key, key != ""
	case int64, uint64, float64, bool:
		return fmt.Sprint(key), true
	default: // of a value that is known only now
		return "", false
	}
}

// Place is where a key stands among all keys of a route, from 0 up to, not including, 1: the first 53 bits of the SHA-256 of the route's
// name, a zero byte and the key. It is the same in every process, so whoever is among a share stays there while the share grows.
func Place(route, key string) float64 {
	const bits = 53 // what a float64 holds exactly
	sum := sha256.Sum256([]byte(route + "\x00" + key))
	return float64(binary.BigEndian.Uint64(sum[:8])>>(64-bits)) / (1 << bits)
}
