package bff_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/alicebob/miniredis/v2"

	"github.com/sheaf-rpc/sheaf/bff"
)

// sending sends these headers with each request.
type sending struct {
	http.Header

	base http.RoundTripper
}

func (s sending) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	for name, values := range s.Header {
		request.Header[name] = append(request.Header[name], values...)
	}
	return s.base.RoundTrip(request)
}

// greetWith calls the greeter with headers, and returns the code; 0 for an answer.
func (h *house) greetWith(t *testing.T, header http.Header, options ...connect.ClientOption) connect.Code {
	t.Helper()
	_, err := greet(withDeadline(t), &http.Client{Transport: sending{header, h.http1.Transport}}, h.url, "x", options...)
	if err == nil {
		return 0
	}
	return connect.CodeOf(err)
}

func withPolicy(t *testing.T, g *greeter, settings string) {
	t.Helper()
	g.write(t, "sheaf.yaml", g.read(t, "sheaf.yaml")+settings)
}

// newAPIKey makes a key without a server.
func newAPIKey(t *testing.T, dir, provider string) (key *bff.APIKey, text string) {
	t.Helper()
	keys, err := bff.OpenKeys(dir, provider)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	key, text, err = keys.Create(withDeadline(t), bff.KeyCaller{ID: "partner-7", Scopes: []string{"greet"}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return key, text
}

// TestAPIKeys: a key that was made without the server lets its caller in, and nothing else does; none shows in the log.
func TestAPIKeys(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	for name, settings := range map[string]string{
		"file":  "policy: {identity: {partners: {api_key: {file: state/keys.json}}, others: {api_key: {file: state/others.json, header: X-Other}}}}\n",
		"redis": "redis: {addresses: ['" + server.Addr() + "'], timeout: 10s}\npolicy: {identity: {partners: {api_key: {redis: true}}, others: {api_key: {redis: true, header: X-Other}}}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGreeter(t)
			withPolicy(t, g, settings)
			key, text := newAPIKey(t, g.dir, "partners")
			_, foreign := newAPIKey(t, g.dir, "others")
			revoked, ended := newAPIKey(t, g.dir, "partners")
			keys, err := bff.OpenKeys(g.dir, "partners")
			if err != nil {
				t.Fatal(err)
			}
			defer keys.Close()
			if _, err := keys.Revoke(withDeadline(t), ended); err != nil { // the whole key names it, too
				t.Fatal(err)
			}
			logged := &logs{}
			h := serve(t, g.dir, bff.WithLogger(slog.New(slog.NewJSONHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))))
			for name, test := range map[string]struct {
				header http.Header
				want   connect.Code
			}{
				"good":        {http.Header{"X-Api-Key": {text}}, 0},
				"none":        {nil, connect.CodeUnauthenticated},
				"revoked":     {http.Header{"X-Api-Key": {ended}}, connect.CodeUnauthenticated},
				"another's":   {http.Header{"X-Api-Key": {foreign}}, connect.CodeUnauthenticated},
				"its own":     {http.Header{"X-Other": {foreign}}, 0},
				"two":         {http.Header{"X-Api-Key": {text, text}}, connect.CodeUnauthenticated},
				"two headers": {http.Header{"X-Api-Key": {text}, "X-Other": {foreign}}, connect.CodeUnauthenticated},
				"as a token":  {http.Header{"Authorization": {"Bearer " + text}}, connect.CodeUnauthenticated},
				"oversized":   {http.Header{"X-Api-Key": {text + strings.Repeat("a", 10_000)}}, connect.CodeUnauthenticated},
				"truncated":   {http.Header{"X-Api-Key": {text[:40]}}, connect.CodeUnauthenticated},
			} {
				for protocol, option := range map[string]connect.ClientOption{"Connect": connect.WithClientOptions(), "gRPC-Web": connect.WithGRPCWeb()} {
					if got := h.greetWith(t, test.header, option); got != test.want {
						t.Errorf("%s over %s: code = %v", name, protocol, got)
					}
				}
			}
			if err := h.stop(); err != nil {
				t.Error(err)
			}
			shown := logged.String() + h.logs.String()
			for _, secret := range []string{text, ended, foreign} {
				if strings.Contains(shown, secret[19:30]) {
					t.Errorf("the log shows a key: %s", shown)
				}
			}
			for _, state := range []string{"state/keys.json", "state/others.json"} {
				if content, err := os.ReadFile(filepath.Join(g.dir, state)); err == nil && strings.Contains(string(content), text[19:30]) {
					t.Errorf("%s holds a key", state)
				}
			}
			all, err := keys.List(withDeadline(t))
			if err != nil || len(all) != 2 || key.Prefix == revoked.Prefix {
				t.Errorf("keys = %+v, %v", all, err)
			}
		})
	}
}

// TestKeysReload: what is known of keys goes on over a reload that does not concern it, and not over one that does.
func TestKeysReload(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	withPolicy(t, g, "policy: {identity: {partners: {api_key: {file: state/keys.json}}}}\n")
	_, text := newAPIKey(t, g.dir, "")
	h := serve(t, g.dir)
	ctx := withDeadline(t)
	before := h.server.APIKeys("partners")
	g.change(t, "bindings/greet.yaml", "person.old", "person.new")
	if _, err := h.server.Reload(ctx); err != nil || h.server.APIKeys("partners") != before {
		t.Errorf("it began anew: %v", err)
	}
	g.change(t, "sheaf.yaml", "state/keys.json", "state/other.json")
	if _, err := h.server.Reload(ctx); err != nil || h.server.APIKeys("partners") == before {
		t.Errorf("it went on: %v", err)
	}
	if code := h.greetWith(t, http.Header{"X-Api-Key": {text}}); code != connect.CodeUnauthenticated {
		t.Errorf("code = %v", code)
	}
	g.write(t, "state/other.json", "{")
	g.change(t, "bindings/greet.yaml", "person.new", "person.old")
	if _, err := h.server.Reload(ctx); err != nil {
		t.Errorf("a file that went bad since ends a reload: %v", err)
	}
}

// TestKeysAtStart: a file of keys that is broken is a problem with its place, and Redis need not be up.
func TestKeysAtStart(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	without := g.read(t, "sheaf.yaml")
	withPolicy(t, g, "policy:\n  identity:\n    partners: {api_key: {file: keys.json}}\n")
	g.write(t, "keys.json", "{")
	_, err := bff.Open(g.dir)
	wrong, ok := errors.AsType[*bff.AuthorError](err)
	if !ok || wrong.Problems[0].Position.Line != 11 || !strings.Contains(err.Error(), "no file of keys") {
		t.Errorf("error = %v", err)
	}
	g.write(t, "sheaf.yaml", without)
	server := miniredis.RunT(t)
	withPolicy(t, g, "redis: {addresses: ['"+server.Addr()+"']}\npolicy: {identity: {partners: {api_key: {redis: true}}}}\n")
	_, text := newAPIKey(t, g.dir, "")
	server.Close()
	h := serve(t, g.dir)
	if code := h.greetWith(t, http.Header{"X-Api-Key": {text}}); code != connect.CodeUnavailable {
		t.Errorf("code = %v", code)
	}
}

// TestOpenKeys: what cannot be opened or made says what to do.
func TestOpenKeys(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	const two = "policy: {identity: {partners: {api_key: {file: keys.json}}, services: {api_key: {redis: true, header: X-Service}}}}\nredis: {addresses: ['${env.REDIS}']}\n"
	for name, test := range map[string]struct{ settings, provider, want string }{
		"no policy":   {"", "", "the policy has none with api_key"},
		"several":     {two, "", "name one of partners, services"},
		"misspelt":    {two, "partner", `did you mean "partners"?`},
		"unset":       {two, "services", "${env.REDIS} is not set"},
		"what is set": {two, "partners", ""},
	} {
		one := &greeter{dir: t.TempDir()}
		if err := os.CopyFS(one.dir, os.DirFS(g.dir)); err != nil {
			t.Fatal(err)
		}
		withPolicy(t, one, test.settings)
		keys, err := bff.OpenKeys(one.dir, test.provider, bff.WithLookupEnv(func(string) (string, bool) { return "", false }))
		switch {
		case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: error = %v", name, err)
		case err == nil:
			checkRefusedKeys(t, keys)
			keys.Close()
		}
	}
}

func checkRefusedKeys(t *testing.T, keys *bff.Keys) {
	t.Helper()
	ctx := context.Background()
	for name, caller := range map[string]bff.KeyCaller{
		"no id": {}, "two lines": {ID: "a\nb"}, "long": {ID: strings.Repeat("a", 257)}, "no UTF-8": {ID: "\xff"},
		"scopes in one": {ID: "a", Scopes: []string{"a b"}}, "empty scope": {ID: "a", Scopes: []string{""}},
		"many scopes": {ID: "a", Scopes: make([]string, 65)}, "empty claim": {ID: "a", Claims: map[string]string{"": "x"}},
		"invisible claim": {ID: "a", Claims: map[string]string{"a": "\u200b"}},
	} {
		if _, _, err := keys.Create(ctx, caller, time.Time{}); !errors.Is(err, bff.ErrInvalidKey) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
	if _, _, err := keys.Create(ctx, bff.KeyCaller{ID: "a"}, time.Now().Add(-time.Hour)); !errors.Is(err, bff.ErrInvalidKey) {
		t.Errorf("expired: error = %v", err)
	}
	for _, prefix := range []string{"", "abcdefghijkl", "sheaf_"} {
		if _, err := keys.Revoke(ctx, prefix); !errors.Is(err, bff.ErrUnknownKey) {
			t.Errorf("%q: error = %v", prefix, err)
		}
	}
}
