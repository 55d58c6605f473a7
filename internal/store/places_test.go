package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// place is somewhere that renewed secrets are kept.
type place struct {
	// open opens it as a process of its own would.
	open func(t *testing.T) store.Records
	// dump is all that it holds.
	dump func(t *testing.T) string
	// alter alters every record.
	alter func(t *testing.T)
}

func inFile(t *testing.T) place {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state", "accounts.sealed")
	read := func(t *testing.T) string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode = %v, %v", info.Mode(), err)
		}
		return string(text)
	}
	return place{
		open: func(t *testing.T) store.Records {
			t.Helper()
			records, err := store.FileRecords(path)
			if err != nil {
				t.Fatal(err)
			}
			return records
		},
		dump: read,
		alter: func(t *testing.T) {
			t.Helper()
			text := strings.ReplaceAll(read(t), `"sealed":"A`, `"sealed":"B`)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func inRedis(t *testing.T) place {
	t.Helper()
	server := miniredis.RunT(t)
	return place{
		open: func(t *testing.T) store.Records {
			t.Helper()
			return openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}}).Records()
		},
		dump: func(*testing.T) string { return server.Dump() + strings.Join(server.Keys(), " ") },
		alter: func(*testing.T) {
			for _, key := range server.Keys() {
				server.HSet(key, "sealed", "\x01altered")
			}
		},
	}
}

func eachPlace(t *testing.T, test func(*testing.T, place)) {
	t.Helper()
	for name, create := range map[string]func(*testing.T) place{"file": inFile, "redis": inRedis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, create(t))
		})
	}
}

const key = "0123456789abcdef0123456789abcdef"

// replica is a process that has these accounts.
func replica(t *testing.T, records store.Records, seed string) *store.Accounts {
	t.Helper()
	accounts, err := tryReplica(t, records, seed, key, &logs{})
	if err != nil {
		t.Fatal(err)
	}
	return accounts
}

func tryReplica(t *testing.T, records store.Records, seed, key string, logged *logs) (*store.Accounts, error) {
	t.Helper()
	accounts := newAccounts(t, map[string]store.Account{
		"alice": {Secrets: seeds("token", seed, "id", "client")},
		"bob":   {Secrets: seeds("token", "bob's")},
	})
	return accounts, accounts.Keep(withDeadline(t), store.KeepConfig{Records: records, Key: secret.NewValue(key), Logger: logged.logger()})
}

// seeds are secrets of a file of accounts, by name and value.
func seeds(pairs ...string) map[string]*secret.Source {
	secrets := map[string]*secret.Source{}
	for i := 0; i < len(pairs); i += 2 {
		secrets[pairs[i]] = secret.Fixed(secret.NewValue(pairs[i+1]))
	}
	return secrets
}

func checkToken(t *testing.T, accounts *store.Accounts, want string, generation uint64) {
	t.Helper()
	if token, got, ok := accounts.Secret("alice", "token"); !ok || token.Reveal() != want || got != generation {
		t.Errorf("token = %q of generation %d, want %q of %d", token.Reveal(), got, want, generation)
	}
}
