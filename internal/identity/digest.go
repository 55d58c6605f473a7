package identity

import "crypto/sha256"

// digest stands for a token or a key, so that none is kept.
type digest [sha256.Size]byte

func digestOf(token string) digest {
	var most [2 << 10]byte // most tokens are shorter, and need no memory besides
	return sha256.Sum256(append(most[:0], token...))
}
