package identity

import (
	"context"

	"github.com/sheaf-rpc/sheaf/internal/lru"
)

// Forget forgets the tokens that were verified.
func Forget(bearer *Bearer) {
	for _, one := range bearer.jwts {
		one.tokens = lru.New[digest, verified](maxKeptTokens)
	}
}

// AwaitKeys is what a token does that looked for its key before any had been fetched.
func AwaitKeys(ctx context.Context, bearer *Bearer) error {
	_, err := bearer.jwts[0].keys.await(ctx, "", nil)
	return err
}

// ReadKeys are the algorithms of each key of a JWK set.
func ReadKeys(text []byte) (algorithms [][]string, err error) {
	read, err := readKeySet(text)
	if err != nil {
		return nil, err
	}
	for _, one := range read.keys {
		algorithms = append(algorithms, one.algorithms)
	}
	return algorithms, nil
}

// PathBelow is pathBelow.
func PathBelow(base, text string) string { return pathBelow(base, text) }
