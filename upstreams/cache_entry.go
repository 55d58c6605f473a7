package upstreams

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/httpcache"
)

// entry is a kept answer; or, with Vary, the names of the headers that answers are kept by.
type entry struct {
	httpcache.Response
	Vary []string `json:"vary,omitempty"`
	Body []byte   `json:"-"`
}

// encode writes the length of the JSON of all but the body, that, and the body.
func (e *entry) encode() ([]byte, error) {
	described, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write entry: %w", err)
	}
	encoded := make([]byte, 0, binary.MaxVarintLen64+len(described)+len(e.Body))
	encoded = binary.AppendUvarint(encoded, uint64(len(described)))
	return append(append(encoded, described...), e.Body...), nil
}

var errEntry = errors.New("entry cannot be read")

// decodeEntry reads what encode writes. The body is a part of encoded.
func decodeEntry(encoded []byte) (*entry, error) {
	length, n := binary.Uvarint(encoded)
	if n <= 0 || length > uint64(len(encoded)-n) {
		return nil, errEntry
	}
	decoded := &entry{}
	if err := json.Unmarshal(encoded[n:n+int(length)], decoded); err != nil {
		return nil, fmt.Errorf("%w: %w", errEntry, err)
	}
	decoded.Body = encoded[n+int(length):]
	return decoded, nil
}

// load finds an entry. Without the store, or with one that cannot be read, there is none.
func (k *cache) load(ctx context.Context, key string) *entry {
	encoded, ok, err := k.store.Get(ctx, key)
	if err != nil {
		k.client.config.Logger.DebugContext(ctx, "cache is away", slog.String("upstream", k.client.config.Name), slog.Any("error", err))
		return nil
	}
	if !ok {
		return nil
	}
	found, err := decodeEntry(encoded)
	if err != nil {
		return nil // of another version
	}
	return found
}

// save keeps an entry. If its answers depend on headers that are not in the key, it is kept by these, too.
func (k *cache) save(ctx context.Context, found lookup, kept *entry) {
	kept.Header = httpcache.Storable(kept.Header)
	keep := min(found.rules.Keep(&kept.Response, time.Now()), keepChange)
	if keep <= 0 {
		return
	}
	key := found.key
	if vary, _ := kept.Response.Vary(); k.dependsOn(vary) {
		k.set(ctx, key, &entry{Vary: vary}, keep)
		key = k.variantOf(key, vary, found.exchange.Header)
	}
	k.set(ctx, key, kept, keep)
}

func (k *cache) set(ctx context.Context, key string, kept *entry, keep time.Duration) {
	encoded, err := kept.encode()
	if err == nil {
		err = k.store.Set(ctx, key, encoded, keep)
	}
	if err != nil {
		k.client.config.Logger.DebugContext(ctx, "answer is not kept", slog.String("upstream", k.client.config.Name), slog.Any("error", err))
	}
}

func formatSeconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
