package social_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/examples/social"
	"github.com/sheaf-rpc/sheaf/examples/social/pretend"
	socialv1 "github.com/sheaf-rpc/sheaf/gen/social/v1"
	"github.com/sheaf-rpc/sheaf/gen/social/v1/socialv1connect"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// stage is the example, served, in front of a pretend world.
type stage struct {
	world  *pretend.World
	client socialv1connect.SocialServiceClient
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return newStageIn(t, plantest.Patient(t, social.Files()))
}

// newHurriedStage gives each target a second.
func newHurriedStage(t *testing.T) *stage {
	t.Helper()
	dir := plantest.Patient(t, social.Files())
	rewrite(t, dir, "social.yaml", "timeout: 25s\n        optional", "timeout: 1s\n        optional")
	return newStageIn(t, dir)
}

// rewrite changes a binding of a copy of the example.
func rewrite(t *testing.T, dir, binding, from, to string) {
	t.Helper()
	path := filepath.Join(dir, "bindings", binding)
	content, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(content), from) {
		t.Fatalf("%s has no %q (%v)", binding, from, err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(content), from, to)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newStageIn(t *testing.T, dir string) *stage {
	t.Helper()
	world := pretend.NewWorld(time.Now)
	started, err := world.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server, err := bff.Open(dir, bff.WithLogger(slog.New(slog.DiscardHandler)), bff.WithLookupEnv(started.LookupEnv))
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server.Handler())
	t.Cleanup(func() {
		front.Close()
		server.Close()
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	})
	return &stage{world: world, client: socialv1connect.NewSocialServiceClient(http.DefaultClient, front.URL)}
}

// accounts are those of accounts.yaml.
var accounts = map[socialv1.Provider]string{
	socialv1.Provider_PROVIDER_BLUESKY: "alice.bsky.social", socialv1.Provider_PROVIDER_MASTODON: "alice@mastodon",
	socialv1.Provider_PROVIDER_X: "alice-on-x", socialv1.Provider_PROVIDER_LINKEDIN: "alice-company",
	socialv1.Provider_PROVIDER_THREADS: "alice-threads", socialv1.Provider_PROVIDER_FACEBOOK: "alice-page",
	socialv1.Provider_PROVIDER_TELEGRAM: "alice-channel", socialv1.Provider_PROVIDER_DISCORD: "alice-server",
}

func account(provider socialv1.Provider) *socialv1.Account {
	return &socialv1.Account{Provider: provider, AccountId: accounts[provider]}
}

// publish publishes a text on one provider.
func (s *stage) publish(ctx context.Context, t *testing.T, provider socialv1.Provider, text string, more ...func(*socialv1.PublishRequest)) *socialv1.TargetResult {
	t.Helper()
	request := &socialv1.PublishRequest{Text: text, Targets: []*socialv1.Target{{Account: account(provider)}}}
	for _, change := range more {
		change(request)
	}
	response, err := s.client.Publish(ctx, connect.NewRequest(request))
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	return response.Msg.GetResults()[0]
}
