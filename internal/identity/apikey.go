package identity

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// The parts of an API key: sheaf_PREFIX_SECRETSUM, in lower-case base32. PREFIX names the key, and is no secret. SECRET is 130 random
// bits. SUM is a checksum (CRC-32) of all before it, so that whoever looks for leaked keys finds few other texts, and a slip of the pen
// costs no look-up; it proves nothing.
const (
	keyMark      = "sheaf_"
	keyPrefix    = 12
	keySecret    = 26
	keySum       = 7
	keyLength    = len(keyMark) + keyPrefix + 1 + keySecret + keySum
	keyLetters   = "abcdefghijklmnopqrstuvwxyz234567"
	secretsBegin = len(keyMark) + keyPrefix + 1
)

var keyEncoding = base32.NewEncoding(keyLetters).WithPadding(base32.NoPadding) //nolint:gochecknoglobals // a constant, but for the language

// IssueKey makes a key for a caller, and keeps what Key says of it; prefix and hash are set here. The key itself is returned, once.
func IssueKey(ctx context.Context, keys store.Keys, of store.Key) (*store.Key, secret.Value, error) {
	for {
		text := newKey()
		of.Prefix, _ = PrefixOf(text)
		hash := digestOf(text)
		of.Hash = hash[:]
		err := keys.Add(ctx, &of)
		if errors.Is(err, store.ErrPrefixTaken) {
			continue // one in 2^60
		}
		if err != nil {
			return nil, secret.Value{}, fmt.Errorf("keep key: %w", err)
		}
		return &of, secret.NewValue(text), nil
	}
}

func newKey() string {
	unsummed := keyMark + strings.ToLower(rand.Text()[:keyPrefix]+"_"+rand.Text()[:keySecret])
	sum := checksum(unsummed)
	return unsummed + string(sum[:])
}

func checksum(unsummed string) (letters [keySum]byte) {
	var number [4]byte
	binary.BigEndian.PutUint32(number[:], crc32.ChecksumIEEE([]byte(unsummed)))
	keyEncoding.Encode(letters[:], number[:])
	return letters
}

// PrefixOf is the prefix of a key, if the text has the form of one.
func PrefixOf(text string) (prefix string, ok bool) {
	if len(text) != keyLength || text[:len(keyMark)] != keyMark || text[secretsBegin-1] != '_' {
		return "", false
	}
	prefix = text[len(keyMark) : secretsBegin-1]
	summed := len(text) - keySum
	sum := checksum(text[:summed])
	return prefix, IsPrefix(prefix) && isBase32(text[secretsBegin:]) && string(sum[:]) == text[summed:]
}

// IsPrefix reports whether a text has the form of a key's prefix.
func IsPrefix(text string) bool { return len(text) == keyPrefix && isBase32(text) }

func isBase32(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'a' || 'z' < c) && (c < '2' || '7' < c) {
			return false
		}
	}
	return true
}
