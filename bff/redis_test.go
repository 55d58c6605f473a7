package bff_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/examples/storefront"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const accountsKey = "0123456789abcdef0123456789abcdef"

// withSettings is the storefront with these further settings, and one account.
func withSettings(t *testing.T, settings string) string {
	t.Helper()
	dir := plantest.Patient(t, storefront.Files())
	config, err := os.ReadFile(filepath.Join(dir, "sheaf.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"sheaf.yaml":    string(config) + settings,
		"accounts.yaml": "accounts: {alice: {secrets: {token: {env: ALICE_TOKEN}}}}\n",
		"not-a-ca.pem":  "nothing",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func openWith(dir string, environment map[string]string) error {
	server, err := bff.Open(dir, bff.WithLookupEnv(func(name string) (string, bool) {
		if value, ok := environment[name]; ok {
			return value, true
		}
		return "http://127.0.0.1:1", strings.HasSuffix(name, "_URL")
	}))
	if err == nil {
		server.Close()
	}
	return err
}

// TestStateSettings: what cannot be used at the start is a problem with its place, and what to do.
func TestStateSettings(t *testing.T) {
	t.Parallel()
	const inFile = "accounts: {file: accounts.yaml, renewed: {file: state/accounts.sealed, key: {env: ACCOUNTS_KEY}}}\n"
	for name, test := range map[string]struct {
		settings    string
		environment map[string]string
		want        string
	}{
		"key is not set":       {inFile, nil, "ACCOUNTS_KEY is not set"},
		"key is short":         {inFile, map[string]string{"ACCOUNTS_KEY": "short"}, "shorter than 32 characters"},
		"place is a file":      {strings.Replace(inFile, "state/", "accounts.yaml/", 1), map[string]string{"ACCOUNTS_KEY": accountsKey}, "not a directory"},
		"no password":          {"redis: {addresses: ['127.0.0.1:1'], password: {env: REDIS_PASSWORD}}\n", nil, "REDIS_PASSWORD is not set"},
		"no authority":         {"redis: {addresses: ['127.0.0.1:1'], tls: {ca: not-a-ca.pem}}\n", nil, "no certificate"},
		"redis need not be up": {"redis: {addresses: ['127.0.0.1:1']}\n", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environment := map[string]string{"ALICE_TOKEN": "canary", "STOCK_TOKEN": "canary"}
			maps.Copy(environment, test.environment)
			err := openWith(withSettings(t, test.settings), environment)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wrong, ok := errors.AsType[*bff.AuthorError](err)
			if !ok || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
				t.Fatalf("error = %v", err)
			}
			if problem := wrong.Problems[0]; problem.Position.Line == 0 || problem.Hint == "" {
				t.Errorf("problem = %+v", problem)
			}
		})
	}
}

// TestKeyOfBefore: a start with another key than before fails, with what to do.
func TestKeyOfBefore(t *testing.T) {
	t.Parallel()
	dir := withSettings(t, "accounts: {file: accounts.yaml, renewed: {file: state/accounts.sealed, key: {env: ACCOUNTS_KEY}}}\n")
	environment := map[string]string{"ALICE_TOKEN": "canary", "STOCK_TOKEN": "canary", "ACCOUNTS_KEY": accountsKey}
	for range 2 {
		if err := openWith(dir, environment); err != nil {
			t.Fatal(err)
		}
	}
	environment["ACCOUNTS_KEY"] = strings.ToUpper(accountsKey)
	err := openWith(dir, environment)
	wrong, ok := errors.AsType[*bff.AuthorError](err)
	if !ok || !strings.Contains(wrong.Problems[0].Hint, "the key that was used before") || strings.Contains(err.Error(), environment["ACCOUNTS_KEY"]) {
		t.Errorf("error = %v", err)
	}
}
