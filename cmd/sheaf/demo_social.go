package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sheaf-rpc/sheaf/examples/social"
	"github.com/sheaf-rpc/sheaf/examples/social/pretend"
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

func newDemoSocial(p process) *cobra.Command {
	var listen string
	var fail map[string]string
	command := &cobra.Command{
		Use:   "social",
		Short: "Start the social example with eight pretend platforms",
		Long: `Start the social example in front of eight pretend publishing platforms that run inside this process, print commands to
try, and keep running. Nothing else is needed, and nothing is published anywhere.`,
		Example: `  sheaf demo social
  sheaf demo social --fail 'x=rate limited' --fail 'bluesky=expired token'`,
		Args: arguments(0, 0),
		RunE: func(command *cobra.Command, _ []string) error { return demoSocial(command.Context(), p, listen, fail) },
	}
	command.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address to listen on; port 0 takes a free one")
	command.Flags().StringToStringVar(&fail, "fail", nil, "make a platform's first request fail, as NAME=FAULT: expired token, rate limited, server error or html page")
	return command
}

func demoSocial(ctx context.Context, p process, listen string, fail map[string]string) error {
	world := pretend.NewWorld(time.Now)
	if err := arrange(world, fail); err != nil {
		return err
	}
	platforms, err := world.Start(ctx)
	if err != nil {
		return err
	}
	defer platforms.Close()
	return serveExample(ctx, p, example{name: "social", files: social.Files(), lookupEnv: platforms.LookupEnv, listen: listen, welcome: socialWelcome})
}

// arrange makes platforms fail as the flag says.
func arrange(world *pretend.World, fail map[string]string) error {
	faults := []string{string(pretend.ExpiredToken), string(pretend.RateLimited), string(pretend.ServerError), string(pretend.HTMLPage)}
	for name, fault := range fail {
		for _, one := range []struct {
			kind, given string
			known       []string
		}{{"platforms", name, pretend.Names()}, {"faults", fault, faults}} {
			if !strings.Contains("\n"+strings.Join(one.known, "\n")+"\n", "\n"+one.given+"\n") {
				return fmt.Errorf("read --fail: unknown %s %q; %s", strings.TrimSuffix(one.kind, "s"), one.given, diag.DidYouMean(one.kind, one.given, one.known))
			}
		}
		world.Fail(name, "", pretend.Fault(fault))
	}
	return nil
}

const socialWelcome = `Eight pretend platforms are behind http://ADDRESS. The files are in DIR. Try:

  curl --json '{"text": "Hello #world", "targets": [{"account": {"provider": "PROVIDER_BLUESKY", "accountId": "alice.bsky.social"}}, {"account": {"provider": "PROVIDER_X", "accountId": "alice-on-x"}}, {"account": {"provider": "PROVIDER_THREADS", "accountId": "alice-threads"}}]}' http://ADDRESS/social.v1.SocialService/Publish

  curl --json '{"accounts": [{"provider": "PROVIDER_BLUESKY", "accountId": "alice.bsky.social"}, {"provider": "PROVIDER_X", "accountId": "alice-on-x"}], "pageSize": 5}' http://ADDRESS/social.v1.SocialService/ListPosts

  curl --json '{}' http://ADDRESS/social.v1.SocialService/ListProviders

Publish the same text twice, or start it again with --fail 'x=rate limited', to see what clients get then. Ctrl-C ends it.
`
