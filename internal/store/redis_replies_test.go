package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// TestWrongType: a key that holds something else is no outage: the other keys go on, and nothing says that Redis is away.
func TestWrongType(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	logged := &logs{}
	opened := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}, Logger: logged.logger()})
	if _, err := server.Lpush("sheaf:list", "x"); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, found, err := opened.Get(withDeadline(t), "list"); err == nil || found {
			t.Errorf("found = %v, error = %v", found, err)
		}
	}
	if err := opened.Set(withDeadline(t), "other", []byte("y"), time.Minute); err != nil {
		t.Errorf("another key: %v", err)
	}
	if strings.Contains(logged.String(), "away") {
		t.Errorf("logged %s", logged)
	}
}
