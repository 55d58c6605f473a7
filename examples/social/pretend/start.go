package pretend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Started is a world whose platforms listen on loopback.
type Started struct {
	// Addresses are the platforms' base URLs by name.
	Addresses map[string]string
	servers   []*http.Server
}

// Start makes every platform listen on a free port of 127.0.0.1.
func (w *World) Start(ctx context.Context) (*Started, error) {
	started := &Started{Addresses: map[string]string{}}
	for _, name := range Names() {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), started.Close())
		}
		server := &http.Server{Handler: w.Handler(name), ReadHeaderTimeout: 5 * time.Second}
		started.servers = append(started.servers, server)
		started.Addresses[name] = "http://" + listener.Addr().String()
		go func() { _ = server.Serve(listener) }() // ends with ErrServerClosed
	}
	return started, nil
}

// Close ends all platforms at once.
func (s *Started) Close() error {
	var failed []error
	for _, server := range s.servers {
		failed = append(failed, server.Close())
	}
	return errors.Join(failed...)
}

// environment are the variables that the example's sheaf.yaml and accounts.yaml read, besides addresses.
func environment() map[string]string {
	return map[string]string{
		"BLUESKY_DID": BlueskyDID, "BLUESKY_HANDLE": BlueskyHandle, "BLUESKY_TOKEN": BlueskyToken, "BLUESKY_REFRESH_TOKEN": BlueskyRefreshToken,
		"MASTODON_ACCOUNT_ID": MastodonAccountID, "MASTODON_TOKEN": MastodonToken,
		"X_USER_ID": XUserID, "X_USERNAME": XUsername, "X_CLIENT_ID": XClientID, "X_TOKEN": XToken, "X_REFRESH_TOKEN": XRefreshToken,
		"LINKEDIN_URN": LinkedInOrganization, "LINKEDIN_TOKEN": LinkedInToken, "LINKEDIN_VERSION": LinkedInVersion,
		"THREADS_USER_ID": ThreadsUserID, "THREADS_TOKEN": ThreadsToken, "FACEBOOK_PAGE_ID": FacebookPageID, "FACEBOOK_TOKEN": FacebookToken,
		"TELEGRAM_CHAT_ID": TelegramChatID, "TELEGRAM_USERNAME": TelegramUsername, "TELEGRAM_TOKEN": TelegramToken,
		"DISCORD_WEBHOOK_ID": DiscordWebhookID, "DISCORD_GUILD_ID": DiscordGuildID, "DISCORD_CHANNEL_ID": DiscordChannelID, "DISCORD_TOKEN": DiscordToken,
	}
}

// LookupEnv gives the variables that the example reads.
func (s *Started) LookupEnv(name string) (string, bool) {
	if value, ok := environment()[name]; ok {
		return value, true
	}
	address, ok := s.Addresses[strings.ToLower(strings.TrimSuffix(name, "_URL"))]
	return address, ok && strings.HasSuffix(name, "_URL")
}
