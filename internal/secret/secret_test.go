package secret_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

const canary = "canary-1b2c"

// TestNeverPrinted: no way of printing shows a secret.
func TestNeverPrinted(t *testing.T) {
	t.Parallel()
	value := secret.NewValue(canary)
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "secret", value)
	encoded, err := json.Marshal(map[string]any{"secret": value})
	if err != nil {
		t.Fatal(err)
	}
	holder := struct{ Secret secret.Value }{value}
	hidden := struct{ secret secret.Value }{value}
	everything := fmt.Sprintf("%v %+v %#v %s %q %x %d %v %+v %#v %v %+v %#v", value, value, value, value, value, value, value, holder, holder, &holder, hidden, hidden, &hidden)
	if printed := everything + logged.String() + string(encoded); strings.Contains(printed, canary) {
		t.Errorf("the secret was printed: %s", printed)
	}
	if value.Reveal() != canary {
		t.Error("the secret got lost")
	}
}

func TestFromFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for content, want := range map[string]string{
		canary + "\n": "", "": "empty", "\n": "empty", "a\nb": "line break", strings.Repeat("x", 70_000): "64 KiB",
	} {
		path := filepath.Join(dir, "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		value, err := secret.FromFile(path)
		switch {
		case want == "" && (err != nil || value.Reveal() != canary):
			t.Errorf("%.20q: %v", content, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%.20q: error = %v, want one that says %q", content, err, want)
		}
	}
	if _, err := secret.FromFile(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there gave a secret")
	}
}

func TestFromEnv(t *testing.T) {
	t.Parallel()
	lookup := func(name string) (string, bool) { return canary, name == "SET" }
	if value, err := secret.FromEnv("SET", lookup); err != nil || value.Reveal() != canary {
		t.Errorf("error = %v", err)
	}
	if _, err := secret.FromEnv("UNSET", lookup); err == nil || !strings.Contains(err.Error(), "UNSET is not set") {
		t.Errorf("error = %v", err)
	}
}
