package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sheaf-rpc/sheaf/bff"
)

func newKeysList(p process) *cobra.Command {
	var flags keysFlags
	command := &cobra.Command{
		Use:   "list DIR",
		Short: "List the API keys",
		Long:  `List the API keys by their prefixes, the oldest first, those that have ended included.`,
		Args:  arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			return flags.withKeys(p, args[0], func(keys *bff.Keys) error {
				all, err := keys.List(command.Context())
				if err != nil {
					return err
				}
				return flags.print(p, all)
			})
		},
	}
	flags.add(command)
	return command
}

func (f *keysFlags) print(p process, keys []*bff.APIKey) error {
	if f.format == "json" {
		all := make([]keyJSON, len(keys))
		for i, key := range keys {
			all[i] = asJSON(key)
		}
		return writeJSON(p, all)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PREFIX\tID\tSCOPES\tCREATED\tEXPIRES\tSTATE")
	for _, key := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", key.Prefix, key.Caller.ID, strings.Join(key.Caller.Scopes, " "),
			key.Created.Format(time.DateOnly), timeOrNever(key.Expires), stateOf(key, time.Now()))
	}
	return table.Flush()
}

func newKeysRevoke(p process) *cobra.Command {
	var flags keysFlags
	command := &cobra.Command{
		Use:   "revoke DIR KEY",
		Short: "Revoke an API key",
		Long:  `Revoke an API key, by its prefix; "-" reads it, or a whole key that has leaked, from stdin.`,
		Args:  arguments(2, 2),
		RunE: func(command *cobra.Command, args []string) error {
			return flags.withKeys(p, args[0], func(keys *bff.Keys) error { return flags.revoke(command.Context(), p, keys, args[1]) })
		},
	}
	flags.add(command)
	return command
}

func (f *keysFlags) revoke(ctx context.Context, p process, keys *bff.Keys, named string) error {
	if named == "-" {
		text, err := readRequest(p, []string{named})
		if err != nil {
			return err
		}
		named = strings.TrimSpace(string(text))
	}
	key, err := keys.Revoke(ctx, named)
	if err != nil {
		return err
	}
	if f.format == "json" {
		return writeJSON(p, asJSON(key))
	}
	fmt.Fprintf(p.stderr, "key %s of %s for %s was revoked at %s; servers know it within a few seconds\n",
		key.Prefix, key.Provider, key.Caller.ID, timeOrNever(key.Revoked))
	return nil
}

// keyJSON is a key for programs.
type keyJSON struct {
	Provider string            `json:"provider"`
	Prefix   string            `json:"prefix"`
	ID       string            `json:"id"`
	Scopes   []string          `json:"scopes,omitempty"`
	Claims   map[string]string `json:"claims,omitempty"`
	Created  time.Time         `json:"created"`
	Expires  time.Time         `json:"expires,omitzero"`
	Revoked  time.Time         `json:"revoked,omitzero"`
}

func asJSON(key *bff.APIKey) keyJSON {
	return keyJSON{key.Provider, key.Prefix, key.Caller.ID, key.Caller.Scopes, key.Caller.Claims, key.Created, key.Expires, key.Revoked}
}

func timeOrNever(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.Format(time.RFC3339)
}

func stateOf(key *bff.APIKey, now time.Time) string {
	switch {
	case !key.Revoked.IsZero():
		return "revoked " + key.Revoked.Format(time.RFC3339)
	case !key.Expires.IsZero() && !now.Before(key.Expires):
		return "expired"
	default:
		return "good"
	}
}
