package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sheaf-rpc/sheaf/examples/storefront"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// keyProject is the storefront with API keys.
func keyProject(t *testing.T, settings string) string {
	t.Helper()
	dir := plantest.Patient(t, storefront.Files())
	path := filepath.Join(dir, "sheaf.yaml")
	config, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(config, settings...), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

var aKey = regexp.MustCompile(`^sheaf_[a-z2-7]{12}_[a-z2-7]{33}\n$`)

// TestKeys makes, lists and revokes keys; a key alone is on stdout, once, and nothing of its secret is anywhere else.
func TestKeys(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]string{
		"file":  "policy: {identity: {partners: {api_key: {file: state/keys.json}}}}\n",
		"redis": "redis: {addresses: ['" + miniredis.RunT(t).Addr() + "'], timeout: 10s}\npolicy: {identity: {partners: {api_key: {redis: true}}}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := keyProject(t, settings)
			status, text, told := sheaf(t, noEnv, "keys", "create", dir, "--id", "partner-7", "--scope", "a,b", "--claim", "team=x", "--expires", "90d")
			if status != statusOK || !aKey.MatchString(text) || !strings.Contains(told, "partner-7") || strings.Contains(told, text[19:30]) {
				t.Fatalf("status %d, stdout %q, stderr %q", status, text, told)
			}
			prefix := text[6:18]
			status, list, _ := sheaf(t, noEnv, "keys", "list", dir)
			if lines := strings.Split(list, "\n"); status != statusOK || len(lines) != 3 || !strings.HasPrefix(lines[1], prefix+"  partner-7  a b") || !strings.HasSuffix(lines[1], "good") {
				t.Errorf("list = %s", list)
			}
			status, out, told := sheaf(t, noEnv, "keys", "revoke", dir, prefix)
			if status != statusOK || out != "" || !strings.Contains(told, prefix+" of partners for partner-7 was revoked") {
				t.Errorf("status %d, stdout %q, stderr %q", status, out, told)
			}
			if _, list, _ := sheaf(t, noEnv, "keys", "list", dir); !strings.Contains(list, "revoked ") || strings.Contains(list, text[19:30]) {
				t.Errorf("list = %s", list)
			}
		})
	}
}

// TestKeysJSON: the same for programs.
func TestKeysJSON(t *testing.T) {
	t.Parallel()
	dir := keyProject(t, "policy: {identity: {partners: {api_key: {file: keys.json}}}}\n")
	status, out, told := sheaf(t, noEnv, "keys", "create", dir, "--id", "a", "--format", "json", "--expires", "2126-01-31")
	var made struct {
		Key, Prefix, ID, Provider string
		Expires                   time.Time
	}
	if err := json.Unmarshal([]byte(out), &made); status != statusOK || err != nil || told != "" || !aKey.MatchString(made.Key+"\n") ||
		made.ID != "a" || made.Provider != "partners" || made.Expires.Year() != 2126 {
		t.Fatalf("status %d, stdout %q, stderr %q", status, out, told)
	}
	var stdout bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	p := process{stdin: strings.NewReader(made.Key + "\n"), stdout: &stdout, stderr: &stdout, lookupEnv: noEnv}
	if status := run(ctx, []string{"keys", "revoke", dir, "-", "--format", "json"}, p); status != statusOK || strings.Contains(stdout.String(), made.Key) {
		t.Errorf("status %d: %s", status, stdout.String())
	}
	var all []map[string]any
	if _, out, _ := sheaf(t, noEnv, "keys", "list", dir, "--format=json"); json.Unmarshal([]byte(out), &all) != nil || len(all) != 1 ||
		all[0]["prefix"] != made.Prefix || all[0]["revoked"] == nil || all[0]["key"] != nil {
		t.Errorf("list = %s", out)
	}
}

// TestKeysWrong: what cannot be done says what to write.
func TestKeysWrong(t *testing.T) {
	t.Parallel()
	dir := keyProject(t, "policy: {identity: {partners: {api_key: {file: keys.json}}}}\n")
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no id":         {[]string{"create", dir}, `required flag(s) "id" not set`},
		"no time":       {[]string{"create", dir, "--id", "a", "--expires", "soon"}, `expires "soon" is no time; write 90d`},
		"long ago":      {[]string{"create", dir, "--id", "a", "--expires", "2020-01-01"}, "expired already"},
		"scope":         {[]string{"create", dir, "--id", "a", "--scope", "a b"}, `scope "a b" has to be a word`},
		"provider":      {[]string{"list", dir, "--provider", "partner"}, `did you mean "partners"?`},
		"no policy":     {[]string{"list", shopDir}, "the policy has none with api_key; write policy:"},
		"format":        {[]string{"list", dir, "--format", "xml"}, "unknown format"},
		"unknown key":   {[]string{"revoke", dir, "abcdefghijkl"}, "unknown key abcdefghijkl of partners"},
		"no prefix":     {[]string{"revoke", dir, "partner-7"}, "write its prefix"},
		"broken files":  {[]string{"list", broken}, "problem"},
		"no directory":  {[]string{"list"}, "got 0 arguments"},
		"no subcommand": {[]string{"make", dir}, "write one of keys create"},
	} {
		status, stdout, stderr := sheaf(t, noEnv, append([]string{"keys"}, test.args...)...)
		if status == statusOK || !strings.Contains(stdout+stderr, test.want) {
			t.Errorf("%s: status %d, %s%s", name, status, stdout, stderr)
		}
	}
}
