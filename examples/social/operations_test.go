package social_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/examples/social/pretend"
	socialv1 "github.com/sheaf-rpc/sheaf/gen/social/v1"
)

// provider is one of them, with its pretend platform and what people call it.
type provider struct {
	provider socialv1.Provider
	platform string
	name     string
}

// providers are all of them.
var providers = []provider{
	{socialv1.Provider_PROVIDER_BLUESKY, "bluesky", "Bluesky"}, {socialv1.Provider_PROVIDER_MASTODON, "mastodon", "Mastodon"},
	{socialv1.Provider_PROVIDER_X, "x", "X"}, {socialv1.Provider_PROVIDER_LINKEDIN, "linkedin", "LinkedIn"},
	{socialv1.Provider_PROVIDER_THREADS, "threads", "Threads"}, {socialv1.Provider_PROVIDER_FACEBOOK, "facebook", "Facebook Pages"},
	{socialv1.Provider_PROVIDER_TELEGRAM, "telegram", "Telegram"}, {socialv1.Provider_PROVIDER_DISCORD, "discord", "Discord"},
}

// operations are the columns of the table in the README. Each uses a post that has been published, and returns the error of
// the RPC, or of its target.
var operations = []struct {
	operation socialv1.Operation
	run       func(t *testing.T, s *stage, provider socialv1.Provider, id string) error
}{
	{socialv1.Operation_OPERATION_PUBLISH, func(t *testing.T, s *stage, provider socialv1.Provider, _ string) error {
		t.Helper()
		result := s.publish(t.Context(), t, provider, "Grüße 👋 (an alle) #sheaf")
		if post := result.GetPost(); post.GetId() == "" || post.GetUrl() == "" || post.GetProvider() != provider || post.GetCreatedAt() == nil {
			return problem(result)
		}
		return nil
	}},
	{socialv1.Operation_OPERATION_LINK, func(t *testing.T, s *stage, provider socialv1.Provider, _ string) error {
		t.Helper()
		const link = "https://example.com/a?b=c"
		result := s.publish(t.Context(), t, provider, "Look here", func(r *socialv1.PublishRequest) { r.Link = proto.String(link) })
		if result.GetPost() == nil {
			return problem(result)
		}
		held := s.world.Posts(platformOf(provider))[0]
		if provider != socialv1.Provider_PROVIDER_X && held.Link != link && !strings.Contains(held.Text, link) {
			t.Errorf("%s holds %+v, without the link", provider, held)
		}
		return nil
	}},
	{socialv1.Operation_OPERATION_REPLY, func(t *testing.T, s *stage, provider socialv1.Provider, id string) error {
		t.Helper()
		result := s.publish(t.Context(), t, provider, "An answer", func(r *socialv1.PublishRequest) { r.Targets[0].ReplyTo = &id })
		if result.GetPost() == nil {
			return problem(result)
		}
		if held := s.world.Posts(platformOf(provider))[0]; held.ReplyTo != id {
			t.Errorf("%s holds %+v, no answer to %s", provider, held, id)
		}
		return nil
	}},
	{socialv1.Operation_OPERATION_GET_POST, func(t *testing.T, s *stage, provider socialv1.Provider, id string) error {
		t.Helper()
		response, err := s.client.GetPost(t.Context(), connect.NewRequest(&socialv1.GetPostRequest{Account: account(provider), Id: id}))
		if err == nil && (response.Msg.GetPost().GetId() != id || response.Msg.GetPost().GetText() != firstText) {
			t.Errorf("%s gave %v", provider, response.Msg)
		}
		return err
	}},
	{socialv1.Operation_OPERATION_LIST_POSTS, func(t *testing.T, s *stage, provider socialv1.Provider, id string) error {
		t.Helper()
		request := &socialv1.ListPostsRequest{Accounts: []*socialv1.Account{account(provider)}}
		response, err := s.client.ListPosts(t.Context(), connect.NewRequest(request))
		if err == nil && (len(response.Msg.GetPosts()) == 0 || response.Msg.GetPosts()[len(response.Msg.GetPosts())-1].GetId() != id) {
			t.Errorf("%s gave %v", provider, response.Msg)
		}
		return err
	}},
	{socialv1.Operation_OPERATION_GET_METRICS, func(t *testing.T, s *stage, provider socialv1.Provider, id string) error {
		t.Helper()
		response, err := s.client.GetMetrics(t.Context(), connect.NewRequest(&socialv1.GetMetricsRequest{Account: account(provider), Id: id}))
		if err == nil && response.Msg.GetMetrics().Likes == nil {
			t.Errorf("%s gave %v", provider, response.Msg)
		}
		return err
	}},
	{socialv1.Operation_OPERATION_GET_PROFILE, func(t *testing.T, s *stage, provider socialv1.Provider, _ string) error {
		t.Helper()
		response, err := s.client.GetProfile(t.Context(), connect.NewRequest(&socialv1.GetProfileRequest{Account: account(provider)}))
		if err == nil && (response.Msg.GetProfile().GetId() == "" || response.Msg.GetProfile().GetName() == "") {
			t.Errorf("%s gave %v", provider, response.Msg)
		}
		return err
	}},
	{socialv1.Operation_OPERATION_DELETE_POST, func(t *testing.T, s *stage, provider socialv1.Provider, id string) error {
		t.Helper()
		_, err := s.client.DeletePost(t.Context(), connect.NewRequest(&socialv1.DeletePostRequest{Account: account(provider), Id: id}))
		for _, held := range s.world.Posts(platformOf(provider)) {
			if err == nil && held.ID == id {
				t.Errorf("%s still holds %s", provider, id)
			}
		}
		return err
	}},
}

const firstText = "The first post"

func platformOf(provider socialv1.Provider) string {
	for _, one := range providers {
		if one.provider == provider {
			return one.platform
		}
	}
	return ""
}

// problem is why a target was not published, as an error.
func problem(result *socialv1.TargetResult) error {
	told := result.GetProblem()
	for _, violation := range told.GetViolations() {
		if violation.GetReason() == "UNSUPPORTED" {
			return connect.NewError(connect.CodeUnimplemented, fmt.Errorf("%s", violation.GetDescription()))
		}
	}
	return connect.NewError(connect.Code(told.GetCode()), fmt.Errorf("%v", told))
}

// TestOperations tries every operation on every provider: what ListProviders says that it can do succeeds, and anything
// else is Unimplemented. The table in the README says the same.
func TestOperations(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	listed, err := s.client.ListProviders(t.Context(), connect.NewRequest(&socialv1.ListProvidersRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	can := map[socialv1.Provider]map[socialv1.Operation]bool{}
	for _, one := range listed.Msg.GetProviders() {
		can[one.GetProvider()] = map[socialv1.Operation]bool{}
		for _, operation := range one.GetOperations() {
			can[one.GetProvider()][operation] = true
		}
	}
	var table strings.Builder
	table.WriteString("| provider | " + strings.Join(columns(), " | ") + " |\n|---" + strings.Repeat("|---", len(operations)) + "|\n")
	for _, one := range providers {
		first := s.publish(t.Context(), t, one.provider, firstText)
		table.WriteString("| " + one.name)
		for _, tried := range operations {
			err := tried.run(t, s, one.provider, first.GetPost().GetId())
			switch able := can[one.provider][tried.operation]; {
			case able && err != nil:
				t.Errorf("%s %s: %v", one.name, tried.operation, err)
			case !able && connect.CodeOf(err) != connect.CodeUnimplemented:
				t.Errorf("%s %s: %v, want Unimplemented", one.name, tried.operation, err)
			}
			table.WriteString(" | " + map[bool]string{true: "yes", false: "no"}[err == nil])
		}
		table.WriteString(" |\n")
	}
	readme, err := os.ReadFile("README.md")
	if err != nil || !strings.Contains(string(readme), table.String()) {
		t.Errorf("the README lacks this table (%v):\n%s", err, table.String())
	}
}

func columns() []string {
	var names []string
	for _, one := range operations {
		name := strings.ToLower(strings.TrimPrefix(one.operation.String(), "OPERATION_"))
		names = append(names, strings.ReplaceAll(name, "_", " "))
	}
	return names
}

// TestErrors makes every provider fail in every documented way.
func TestErrors(t *testing.T) {
	t.Parallel()
	const refreshed = "published"
	long := strings.Repeat("long ", 14_000)
	expected := map[string]string{
		"expired token": "UNAUTHENTICATED TOKEN_EXPIRED REMEDY_RECONNECT_ACCOUNT", "too long": "INVALID_ARGUMENT TEXT_TOO_LONG REMEDY_SHORTEN_TEXT",
		"rate limited": "RESOURCE_EXHAUSTED RATE_LIMITED REMEDY_RETRY_LATER", "duplicate": "ALREADY_EXISTS DUPLICATE_POST REMEDY_CHANGE_TEXT",
		"server error": "INTERNAL UPSTREAM_FAILED REMEDY_UNSPECIFIED", "html page": "UNKNOWN OUTCOME_UNKNOWN REMEDY_CHECK_FIRST",
	}
	// Where a provider differs: it renews its token, allows duplicates, says that it will be back, or fails before anything is
	// published.
	own := map[string]map[string]string{
		"bluesky":  {"expired token": refreshed, "duplicate": refreshed},
		"mastodon": {"duplicate": refreshed, "server error": "UNAVAILABLE UPSTREAM_UNAVAILABLE REMEDY_RETRY_LATER"},
		"x":        {"expired token": refreshed, "server error": "UNAVAILABLE UPSTREAM_UNAVAILABLE REMEDY_RETRY_LATER"},
		"threads": {
			"duplicate": refreshed, "server error": "UNAVAILABLE PROVIDER_FAILED REMEDY_RETRY_LATER",
			"html page": "UNAVAILABLE UPSTREAM_UNAVAILABLE REMEDY_RETRY_LATER",
		},
		"facebook": {"server error": "UNAVAILABLE PROVIDER_FAILED REMEDY_RETRY_LATER"},
		"telegram": {"duplicate": refreshed}, "discord": {"duplicate": refreshed},
	}
	for _, one := range providers {
		t.Run(one.platform, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.publish(t.Context(), t, one.provider, "twice")
			for name, want := range expected {
				if differs, ok := own[one.platform][name]; ok {
					want = differs
				}
				s := s
				if name == "expired token" {
					s = newStage(t) // it may last
				}
				text := "Try: " + name
				switch name {
				case "too long":
					text = long
				case "duplicate":
					text = "twice"
				default:
					s.world.Fail(one.platform, "", pretend.Fault(name))
				}
				result := s.publish(t.Context(), t, one.provider, text)
				got := refreshed
				if told := result.GetProblem(); told != nil {
					got = fmt.Sprintf("%s %s %s", told.GetCode(), told.GetReason(), told.GetRemedy())
				}
				if got != want {
					t.Errorf("%s: %s, want %s (%v)", name, got, want, result.GetProblem())
				}
				if name == "too long" && result.GetProblem().GetViolations()[0].GetField() != "text" {
					t.Errorf("too long: violations %v, want that of text", result.GetProblem().GetViolations())
				}
				if name == "rate limited" && one.platform != "linkedin" && one.platform != "threads" && result.GetProblem().GetRetryAfter() == nil {
					t.Errorf("rate limited: no retry_after in %v", result.GetProblem())
				}
			}
		})
	}
}
