package faulttest_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets this process trust the tests' own authority, and no other: the system's roots are read only once.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // net/http says there what it makes of answers that nobody asked for
	dir, err := os.MkdirTemp("", "faulttest")
	if err == nil {
		err = trust(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

func trust(dir string) error {
	path := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(path, authority.pem, 0o600); err != nil {
		return err
	}
	if err := os.Setenv("SSL_CERT_FILE", path); err != nil {
		return err
	}
	return os.Setenv("SSL_CERT_DIR", dir)
}
