package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

func newKeys(p process) *cobra.Command {
	return group(&cobra.Command{
		Use:   "keys",
		Short: "Make, list and revoke the API keys of a project",
		Long: `Make, list and revoke the API keys that a project's policy names with api_key. Nothing keeps a key itself: it is printed once, when it
is made. Servers know a new key, and no longer know one that was revoked, within a few seconds.`,
	}, newKeysCreate(p), newKeysList(p), newKeysRevoke(p))
}

// keysFlags are the flags of all commands about keys.
type keysFlags struct {
	provider, format string
}

func (f *keysFlags) add(command *cobra.Command) {
	command.Flags().StringVar(&f.provider, "provider", "", "the identity provider, where the policy has several with api_key")
	command.Flags().StringVar(&f.format, "format", "text", "how to print: text or json")
}

// withKeys opens the keys of a project for a command.
func (f *keysFlags) withKeys(p process, dir string, use func(*bff.Keys) error) error {
	if err := checkFormat(f.format, "text", "json"); err != nil {
		return err
	}
	keys, err := bff.OpenKeys(dir, f.provider, bff.WithLookupEnv(p.lookupEnv), bff.WithLogger(telemetry.NewLogger(p.stderr, slog.LevelError)))
	if err != nil {
		return asAuthorError(err, dir, diag.Text)
	}
	defer keys.Close()
	return use(keys)
}

type createFlags struct {
	keysFlags

	caller  bff.KeyCaller
	expires string
}

func newKeysCreate(p process) *cobra.Command {
	var flags createFlags
	command := &cobra.Command{
		Use:   "create DIR --id ID",
		Short: "Make an API key",
		Long:  `Make an API key. The key alone goes to stdout, and what it is for to stderr. Keep it where its caller finds it: it is not shown again.`,
		Example: `  sheaf keys create shop --id partner-7 --scope orders.read --expires 90d
  sheaf keys create shop --id ci --claim team=checkout --expires 2027-01-31 > key`,
		Args: arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			return flags.withKeys(p, args[0], func(keys *bff.Keys) error { return flags.create(command.Context(), p, keys) })
		},
	}
	flags.add(command)
	command.Flags().StringVar(&flags.caller.ID, "id", "", "what becomes caller.id")
	command.Flags().StringSliceVar(&flags.caller.Scopes, "scope", nil, "what becomes caller.scopes; may be repeated")
	command.Flags().StringToStringVar(&flags.caller.Claims, "claim", nil, "what becomes caller.claims, as NAME=VALUE; may be repeated")
	command.Flags().StringVar(&flags.expires, "expires", "", "when it ends: a time such as 90d or 12h, a date in UTC, or RFC 3339 (default never)")
	_ = command.MarkFlagRequired("id") // there is such a flag
	return command
}

func (f *createFlags) create(ctx context.Context, p process, keys *bff.Keys) error {
	expires, err := parseExpiry(f.expires, time.Now())
	if err != nil {
		return err
	}
	key, text, err := keys.Create(ctx, f.caller, expires)
	if err != nil {
		return err
	}
	if f.format == "json" {
		return writeJSON(p, struct {
			Key string `json:"key"`
			keyJSON
		}{text, asJSON(key)})
	}
	fmt.Fprintf(p.stderr, "key %s of %s for %s, expires %s; it is not shown again\n", key.Prefix, key.Provider, key.Caller.ID, timeOrNever(key.Expires))
	if _, err := fmt.Fprintln(p.stdout, text); err != nil {
		return fmt.Errorf("print key: %w; nobody has it, so revoke %s", err, key.Prefix)
	}
	return nil
}

// parseExpiry is when a key ends; zero for never.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "" || text == "never" {
		return time.Time{}, nil
	}
	if days, err := strconv.ParseUint(strings.TrimSuffix(text, "d"), 10, 16); err == nil && strings.HasSuffix(text, "d") {
		return now.AddDate(0, 0, int(days)), nil
	}
	if wait, err := time.ParseDuration(text); err == nil {
		return now.Add(wait), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("expires %q is no time; write 90d, 12h, 2027-01-31 or 2027-01-31T12:00:00Z", text)
}
