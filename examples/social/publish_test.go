package social_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/examples/social/pretend"
	socialv1 "github.com/sheaf-rpc/sheaf/gen/social/v1"
)

// TestPublishEverywhere publishes on all eight at once, of which one fails, one hangs beyond its deadline, and one accepts no
// more: five are published, and each other target has its own code, time and remedy.
func TestPublishEverywhere(t *testing.T) {
	t.Parallel()
	s := newHurriedStage(t)
	s.world.Fail("facebook", "", pretend.ServerError)
	s.world.Fail("mastodon", "", pretend.Hang)
	s.world.Fail("telegram", "", pretend.RateLimited)
	request := &socialv1.PublishRequest{Text: "To everybody"}
	for _, one := range providers {
		request.Targets = append(request.Targets, &socialv1.Target{Account: account(one.provider)})
	}
	response, err := s.client.Publish(t.Context(), connect.NewRequest(request))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"facebook": "UNAVAILABLE REMEDY_RETRY_LATER 0s", "mastodon": "UNKNOWN REMEDY_CHECK_FIRST 0s", "telegram": "RESOURCE_EXHAUSTED REMEDY_RETRY_LATER 35s",
	}
	published := 0
	for i, one := range providers {
		result := response.Msg.GetResults()[i]
		if result.GetAccount().GetProvider() != one.provider {
			t.Errorf("result %d is that of %s, want %s", i, result.GetAccount().GetProvider(), one.provider)
		}
		got := ""
		if told := result.GetProblem(); told != nil {
			got = fmt.Sprintf("%s %s %s", told.GetCode(), told.GetRemedy(), told.GetRetryAfter().AsDuration())
		}
		if got != want[one.platform] {
			t.Errorf("%s: %q, want %q", one.name, got, want[one.platform])
		}
		if result.GetPost() != nil {
			published++
		}
	}
	if published != 5 {
		t.Errorf("published %d, want 5", published)
	}
}

// TestValidate checks a text against every provider's limits, and asks none of them.
func TestValidate(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	request := &socialv1.ValidateRequest{Text: strings.Repeat("a", 301)}
	for _, one := range providers {
		request.Targets = append(request.Targets, &socialv1.Target{Account: account(one.provider)})
	}
	response, err := s.client.Validate(t.Context(), connect.NewRequest(request))
	if err != nil {
		t.Fatal(err)
	}
	for i, validation := range response.Msg.GetValidations() {
		tooLong := slices.Contains([]string{"bluesky", "x"}, providers[i].platform)
		if got := validation.GetProblem().GetReason() == "TEXT_TOO_LONG"; got != tooLong {
			t.Errorf("%s: %v, want too long: %v", providers[i].name, validation, tooLong)
		}
		if !tooLong && validation.GetLength() != 301 {
			t.Errorf("%s: length %d, want 301", providers[i].name, validation.GetLength())
		}
	}
	if asked := s.world.Requests(); len(asked) > 0 {
		t.Errorf("platforms were asked: %v", asked)
	}
}

// TestMergedPages reads 10,000 posts of four providers, of which many have equal times, by pages of several sizes: every post
// once, the newest first.
func TestMergedPages(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	merged := []socialv1.Provider{
		socialv1.Provider_PROVIDER_BLUESKY, socialv1.Provider_PROVIDER_MASTODON, socialv1.Provider_PROVIDER_X, socialv1.Provider_PROVIDER_LINKEDIN,
	}
	const each = 2500
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var accounts []*socialv1.Account
	for i, provider := range merged {
		posts := make([]pretend.Post, each)
		for j := range posts {
			posts[j] = pretend.Post{Text: fmt.Sprintf("%d/%d", i, j), CreatedAt: begin.Add(time.Duration(j/(7+i)) * time.Minute)}
		}
		s.world.Seed(platformOf(provider), posts)
		accounts = append(accounts, account(provider))
	}
	for _, size := range []int32{7, 50, 100} {
		t.Run(fmt.Sprintf("%d posts", size), func(t *testing.T) {
			t.Parallel()
			s.readAll(t, accounts, size, each*len(merged))
		})
	}
}

func (s *stage) readAll(t *testing.T, accounts []*socialv1.Account, size int32, want int) {
	t.Helper()
	seen := map[string]bool{}
	last := time.Now()
	request := &socialv1.ListPostsRequest{Accounts: accounts, PageSize: size}
	for {
		response, err := s.client.ListPosts(t.Context(), connect.NewRequest(request))
		if err != nil {
			t.Fatal(err)
		}
		for _, post := range response.Msg.GetPosts() {
			key := post.GetProvider().String() + post.GetId()
			if seen[key] {
				t.Fatalf("%s came twice", key)
			}
			if post.GetCreatedAt().AsTime().After(last) {
				t.Fatalf("%s of %v came after one of %v", key, post.GetCreatedAt().AsTime(), last)
			}
			seen[key], last = true, post.GetCreatedAt().AsTime()
		}
		if request.PageToken = response.Msg.GetNextPageToken(); request.GetPageToken() == "" {
			break
		}
	}
	if len(seen) != want {
		t.Errorf("read %d posts, want %d", len(seen), want)
	}
}

// TestToken: a token is good for its own request alone, and not if it was altered.
func TestToken(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for i := range 3 {
		s.publish(t.Context(), t, socialv1.Provider_PROVIDER_BLUESKY, fmt.Sprintf("post %d", i))
	}
	first, err := s.client.ListPosts(t.Context(), connect.NewRequest(&socialv1.ListPostsRequest{
		Accounts: []*socialv1.Account{account(socialv1.Provider_PROVIDER_BLUESKY)}, PageSize: 1,
	}))
	if err != nil {
		t.Fatal(err)
	}
	token := first.Msg.GetNextPageToken()
	altered := []byte(token)
	altered[len(altered)/2] ^= 1
	for name, request := range map[string]*socialv1.ListPostsRequest{
		"altered":         {Accounts: []*socialv1.Account{account(socialv1.Provider_PROVIDER_BLUESKY)}, PageToken: string(altered)},
		"another account": {Accounts: []*socialv1.Account{account(socialv1.Provider_PROVIDER_X)}, PageToken: token},
	} {
		if _, err := s.client.ListPosts(t.Context(), connect.NewRequest(request)); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: %v, want InvalidArgument", name, err)
		}
	}
	request := &socialv1.ListPostsRequest{Accounts: []*socialv1.Account{account(socialv1.Provider_PROVIDER_BLUESKY)}, PageToken: token, PageSize: 2}
	second, err := s.client.ListPosts(t.Context(), connect.NewRequest(request))
	if err != nil || len(second.Msg.GetPosts()) != 2 {
		t.Errorf("next page: %v, %v", second, err)
	}
}

// TestRenewedOnce: however many posts meet an expired token at the same time, it is renewed once.
func TestRenewedOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.world.Fail("bluesky", "", pretend.ExpiredToken)
	s.publish(t.Context(), t, socialv1.Provider_PROVIDER_BLUESKY, "meets it")
	s.world.Fail("bluesky", "", pretend.ExpiredToken)
	done := make(chan *socialv1.TargetResult)
	const together = 16
	for i := range together {
		go func() {
			done <- s.publish(t.Context(), t, socialv1.Provider_PROVIDER_BLUESKY, fmt.Sprintf("post %d", i))
		}()
	}
	for range together {
		if result := <-done; result.GetPost() == nil {
			t.Errorf("not published: %v", result)
		}
	}
	renewals := 0
	for _, request := range s.world.Requests()["bluesky"] {
		if request == "POST /xrpc/com.atproto.server.refreshSession" {
			renewals++
		}
	}
	if renewals != 2 {
		t.Errorf("renewed %d times, want 2", renewals)
	}
}
