package social_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/examples/social"
	"github.com/sheaf-rpc/sheaf/examples/social/pretend"
	socialv1 "github.com/sheaf-rpc/sheaf/gen/social/v1"
	"github.com/sheaf-rpc/sheaf/internal/mutationtest"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// mutated is the example in front of a platform whose answers can be changed, and which begins anew before each RPC.
type mutated struct {
	*mutationtest.API
	platform string
	world    *pretend.World
}

func newMutated(t *testing.T, platform string) *mutated {
	t.Helper()
	m := &mutated{API: mutationtest.New(), platform: platform}
	m.begin()
	started, err := m.world.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	current := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.world.Handler(platform).ServeHTTP(w, r) })
	front := httptest.NewServer(m.Wrap(current))
	t.Cleanup(func() {
		front.Close()
		_ = started.Close()
	})
	started.Addresses[platform] = front.URL
	dir := plantest.Patient(t, social.Files())
	rewrite(t, dir, "threads.yaml", "100ms", "1ms") // between polls, of which there are many
	m.Open(t, dir, started.LookupEnv)
	return m
}

// begin makes a new world with two posts, so that every run sees the same identifiers.
func (m *mutated) begin() {
	m.world = pretend.NewWorld(func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) })
	m.world.Seed(m.platform, []pretend.Post{
		{Text: "first", CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Likes: 3, Reposts: 2, Replies: 1, Views: 9},
		{Text: "second", CreatedAt: time.Date(2026, 2, 2, 3, 4, 5, 0, time.UTC), Likes: 4},
	})
}

// TestTruth changes every value of every answer that reading and publishing take, in turn. Never is there another value than
// before without a report.
func TestTruth(t *testing.T) {
	t.Parallel()
	for _, one := range providers {
		t.Run(one.platform, func(t *testing.T) {
			t.Parallel()
			m := newMutated(t, one.platform)
			tried := 0
			for _, reading := range readings(one, m.world.Posts(one.platform)[1].ID) {
				reading.Plausible, reading.Before = mayBeRead, m.begin
				tried += m.Try(t, reading)
			}
			publish := fmt.Sprintf(`{"text": "A text with https://sheaf.example and #tag", "targets": [{"account": %s}]}`, accountJSON(one))
			tried += m.Try(t, mutationtest.Case{
				RPC: "Publish", Request: publish, Response: (*socialv1.PublishResponse)(nil), Before: m.begin,
				Plausible: isTold, Check: func(place string, response proto.Message) { m.checkOutcome(t, place, response) },
			})
			t.Logf("tried %d mutations", tried)
			if tried < 40 {
				t.Errorf("tried %d mutations, want at least 40", tried)
			}
		})
	}
}

func accountJSON(one provider) string {
	return fmt.Sprintf(`{"provider": %q, "accountId": %q}`, one.provider, accounts[one.provider])
}

// readings are the RPCs that change nothing.
func readings(one provider, id string) []mutationtest.Case {
	named := fmt.Sprintf(`{"account": %s, "id": %q}`, accountJSON(one), id)
	return []mutationtest.Case{
		{RPC: "GetPost", Request: named, Response: (*socialv1.GetPostResponse)(nil)},
		{RPC: "ListPosts", Request: `{"accounts": [` + accountJSON(one) + `]}`, Response: (*socialv1.ListPostsResponse)(nil)},
		{RPC: "GetMetrics", Request: named, Response: (*socialv1.GetMetricsResponse)(nil)},
		{RPC: "GetProfile", Request: `{"account": ` + accountJSON(one) + `}`, Response: (*socialv1.GetProfileResponse)(nil)},
	}
}

// mayBeRead: posts move up where one is gone, a count that a platform leaves out when it is zero is zero, and any number of
// milliseconds is a time.
func mayBeRead(change mutationtest.Change) bool {
	isPost := change.Field == ".posts" || strings.HasPrefix(change.Field, ".posts[")
	isLeftOut := change.Path == "" || strings.HasPrefix(change.Path, ".shares") || strings.HasPrefix(change.Path, ".reactions")
	return change.IsGone() && (isPost || isLeftOut && change.Text == "0") || change.Field == ".next_page_token" ||
		strings.HasSuffix(change.Path, ".createdAt") && change.Mutation == "number"
}

// isTold: what became of a target is told by its problem and its warnings, and where no answer has the time it is now.
func isTold(change mutationtest.Change) bool {
	return strings.Contains(change.Field, ".problem") || strings.Contains(change.Field, ".warnings") || strings.Contains(change.Field, ".created_at")
}

// checkOutcome looks that a target is never reported as not published when it was, nor as published when it was not.
func (m *mutated) checkOutcome(t *testing.T, place string, response proto.Message) {
	t.Helper()
	const before = 2
	isPublished := len(m.world.Posts(m.platform)) > before
	result := response.(*socialv1.PublishResponse).GetResults()[0]
	isUnknown := result.GetProblem().GetCode() == code.Code_UNKNOWN
	switch {
	case result.GetPost() != nil && result.GetPost().GetId() == "":
		t.Errorf("%s: the post has no id: %v", place, response)
	case isPublished && result.GetPost() == nil && !isUnknown:
		t.Errorf("%s: it was published, and the result says that it was not: %v", place, response)
	case !isPublished && result.GetPost() != nil:
		t.Errorf("%s: it was not published, and the result says that it was: %v", place, result)
	}
}
