package pretend

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// ids are the ids of a page.
func (g xGot) ids() []string {
	var ids []string
	data, _ := g.body["data"].([]any)
	for _, post := range data {
		ids = append(ids, post.(map[string]any)["id"].(string))
	}
	return ids
}

func (b *xBench) heldIDs() []string {
	var ids []string
	for _, post := range b.world.Posts("x") {
		ids = append(ids, post.ID)
	}
	return ids
}

const xTimelinePath = "/2/users/" + XUserID + "/tweets"

func TestXList(t *testing.T) {
	b := newXBench(t)
	b.seed(25)
	all := b.heldIDs()
	var seen []string
	var sizes []int
	const target = xTimelinePath + "?max_results=10&tweet.fields=created_at"
	var last xGot
	for token := ""; ; {
		last = b.send("GET", target+token, nil)
		page := last.ids()
		b.want(last, 200, map[string]any{
			"meta.result_count": float64(len(page)), "meta.newest_id": page[0], "meta.oldest_id": page[len(page)-1],
		})
		seen, sizes = append(seen, page...), append(sizes, len(page))
		next, more := last.at("meta.next_token").(string)
		if !more {
			break
		}
		token = "&pagination_token=" + next
	}
	if !slices.Equal(seen, all) || !slices.Equal(sizes, []int{10, 10, 5}) {
		t.Errorf("pages of %v hold %v, want %v", sizes, seen, all)
	}
	previous := last.at("meta.previous_token").(string)
	if page := b.send("GET", target+"&pagination_token="+previous, nil).ids(); !slices.Equal(page, all[10:20]) {
		t.Errorf("the page before the last is %v, want %v", page, all[10:20])
	}
	if page := b.send("GET", xTimelinePath, nil).ids(); !slices.Equal(page, all[:10]) {
		t.Errorf("without max_results the page is %v, want %v", page, all[:10])
	}
}

func TestXListKeepsItsPlace(t *testing.T) {
	b := newXBench(t)
	same := make([]Post, 12)
	for i := range same {
		same[i] = Post{Text: strconv.Itoa(i), CreatedAt: xStart().Add(-time.Hour)}
	}
	b.world.Seed("x", same)
	all := b.heldIDs()
	if first := b.world.Posts("x")[0].Text; first != "11" {
		t.Errorf("the first of one time is %q, want the one that came last", first)
	}
	got := b.send("GET", xTimelinePath+"?max_results=5", nil)
	b.send("DELETE", "/2/tweets/"+all[4], nil)
	b.post("newer than all")
	second := b.send("GET", xTimelinePath+"?max_results=5&pagination_token="+got.at("meta.next_token").(string), nil)
	if page := second.ids(); !slices.Equal(page, all[5:10]) {
		t.Errorf("the second page is %v, want %v", page, all[5:10])
	}
}

func TestXListFilters(t *testing.T) {
	b := newXBench(t)
	b.seed(25)
	all := b.heldIDs()
	reply := b.send("POST", "/2/tweets", `{"text":"reply","reply":{"in_reply_to_tweet_id":"`+all[0]+`"}}`).at("data.id").(string)
	at := func(back int) string {
		return xStart().Add(time.Duration(-back) * time.Minute).Truncate(time.Second).Format(time.RFC3339)
	}
	for query, want := range map[string][]string{
		"":                         append([]string{reply}, all...),
		"exclude=replies":          all,
		"exclude=replies,retweets": all,
		"since_id=" + all[2]:       {reply, all[0], all[1]},
		"until_id=" + all[20]:      all[21:],
		"start_time=" + at(2):      {reply, all[0], all[1]},
		"end_time=" + at(22):       all[22:],
		"since_id=" + all[5] + "&until_id=" + all[3]: {all[4]},
	} {
		got := b.send("GET", xTimelinePath+"?max_results=100&"+query, nil)
		if page := got.ids(); got.status != 200 || !slices.Equal(page, want) {
			t.Errorf("%q lists %v, want %v", query, page, want)
		}
	}
	got := b.send("GET", xTimelinePath+"?since_id="+reply, nil)
	b.want(got, 200, map[string]any{"data": nil, "meta": map[string]any{"result_count": 0.0}})
	expanded := b.send("GET", xTimelinePath+"?since_id="+all[0]+"&expansions=referenced_tweets.id", nil)
	b.want(expanded, 200, map[string]any{"data.0.id": reply, "includes.tweets.0.id": all[0], "includes.tweets.1": nil})
}

func TestXListRefuses(t *testing.T) {
	for query, message := range map[string]string{
		"max_results=4":           "The `max_results` query parameter value [4] is not between 5 and 100",
		"max_results=101":         "The `max_results` query parameter value [101] is not between 5 and 100",
		"max_results=ten":         "The `max_results` query parameter value [ten] is not between 5 and 100",
		"pagination_token=abc":    "The `pagination_token` query parameter value [abc] is not valid",
		"since_id=x":              "The `since_id` query parameter value [x] is not valid",
		"until_id=-1":             "The `until_id` query parameter value [-1] is not valid",
		"start_time=2026":         "The `start_time` query parameter value [2026] is not a valid RFC 3339 date-time",
		"exclude=quotes":          "The `exclude` query parameter value [quotes] is not one of [replies,retweets]",
		"cursor=1":                `unknown parameter "cursor"`,
		"since_id=1&since_id=2":   `parameter "since_id" is given twice`,
		"max_results=5&page=next": `unknown parameter "page"`,
	} {
		t.Run(query, func(t *testing.T) {
			b := newXBench(t)
			b.want(b.send("GET", xTimelinePath+"?"+query, nil), 400, map[string]any{"errors.0.message": message, "title": "Invalid Request"})
		})
	}
	t.Run("users", func(t *testing.T) {
		b := newXBench(t)
		b.want(b.send("GET", "/2/users/12/tweets", nil), 200,
			map[string]any{"data": nil, "errors.0.detail": "Could not find user with id: [12].", "errors.0.resource_type": "user"})
		b.want(b.send("GET", "/2/users/"+XUsername+"/tweets", nil), 400, map[string]any{"title": "Invalid Request"})
	})
}

func TestXManyPosts(t *testing.T) {
	b := newXBench(t)
	b.seed(10_000)
	seen, target := map[string]bool{}, xTimelinePath+"?max_results=100"
	for token := ""; ; {
		got := b.send("GET", target+token, nil)
		for _, id := range got.ids() {
			seen[id] = true
		}
		next, more := got.at("meta.next_token").(string)
		if !more {
			break
		}
		token = "&pagination_token=" + next
	}
	if len(seen) != 10_000 {
		t.Errorf("%d different posts were listed, want 10000", len(seen))
	}
}

func TestXConcurrentUse(t *testing.T) {
	b := newXBench(t)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			sent := httptest.NewRequestWithContext(t.Context(), "POST", "/2/tweets", strings.NewReader(fmt.Sprintf(`{"text":"post %d"}`, i)))
			sent.Header.Set("Content-Type", "application/json")
			sent.Header.Set("Authorization", "Bearer "+XToken)
			b.world.Handler("x").ServeHTTP(httptest.NewRecorder(), sent)
			listed := httptest.NewRequestWithContext(t.Context(), "GET", xTimelinePath, nil)
			listed.Header.Set("Authorization", "Bearer "+XToken)
			b.world.Handler("x").ServeHTTP(httptest.NewRecorder(), listed)
		})
	}
	group.Wait()
	if held := b.world.Posts("x"); len(held) != 20 {
		t.Errorf("%d posts are held, want 20", len(held))
	}
}
