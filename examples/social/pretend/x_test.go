package pretend

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// xStart is when the tests' clock stands.
func xStart() time.Time { return time.Date(2026, 6, 15, 12, 0, 0, 250_000_000, time.UTC) }

// xGot is an answer as the tests look at it.
type xGot struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

// at is what stands at a path such as "errors.0.message", or nil.
func (g xGot) at(path string) any {
	var found any = g.body
	for name := range strings.SplitSeq(path, ".") {
		switch within := found.(type) {
		case map[string]any:
			found = within[name]
		case []any:
			index, err := strconv.Atoi(name)
			if err != nil || index >= len(within) {
				return nil
			}
			found = within[index]
		default:
			return nil
		}
	}
	return found
}

// xBench is a world with one account's pretend X.
type xBench struct {
	*testing.T

	world *World
	token string
}

func newXBench(t *testing.T) *xBench {
	t.Helper()
	t.Parallel()
	return &xBench{T: t, world: NewWorld(xStart), token: XToken}
}

// send sends a body as JSON, or as a form where it is url.Values.
func (b *xBench) send(method, target string, body any) xGot {
	b.Helper()
	kind, text := "application/json", ""
	switch body := body.(type) {
	case nil:
		kind = ""
	case string:
		text = body
	case url.Values:
		kind, text = "application/x-www-form-urlencoded", body.Encode()
	}
	return b.sendAs(method, target, kind, text)
}

func (b *xBench) sendAs(method, target, kind, text string) xGot {
	b.Helper()
	request := httptest.NewRequestWithContext(b.Context(), method, target, strings.NewReader(text))
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	if b.token != "" {
		request.Header.Set("Authorization", "Bearer "+b.token)
	}
	recorder := httptest.NewRecorder()
	b.world.Handler("x").ServeHTTP(recorder, request)
	got := xGot{status: recorder.Code, header: recorder.Header(), text: recorder.Body.String()}
	if err := json.Unmarshal(recorder.Body.Bytes(), &got.body); err != nil {
		b.Fatalf("%s %s answered no JSON object: %q", method, target, got.text)
	}
	return got
}

// want checks a status and, by path, parts of the body.
func (b *xBench) want(got xGot, status int, parts map[string]any) {
	b.Helper()
	if got.status != status {
		b.Fatalf("status is %d, want %d: %s", got.status, status, got.text)
	}
	for path, want := range parts {
		if found := got.at(path); !reflect.DeepEqual(found, want) {
			b.Errorf("%s is %v, want %v in %s", path, found, want, got.text)
		}
	}
}

func (b *xBench) post(text string) string {
	b.Helper()
	sent, _ := json.Marshal(map[string]any{"text": text})
	got := b.send("POST", "/2/tweets", string(sent))
	b.want(got, 201, nil)
	return got.at("data.id").(string)
}

// seed adds count posts, a minute apart, the oldest first.
func (b *xBench) seed(count int) {
	posts := make([]Post, count)
	for i := range posts {
		posts[i] = Post{Text: fmt.Sprint("post ", i), CreatedAt: xStart().Add(time.Duration(i-count) * time.Minute), Likes: int64(i)}
	}
	b.world.Seed("x", posts)
}

func TestXPublish(t *testing.T) {
	b := newXBench(t)
	got := b.send("POST", "/2/tweets", `{"text":"Hello <b> & かな"}`)
	id, _ := got.at("data.id").(string)
	b.want(got, 201, map[string]any{"data.text": "Hello <b> & かな", "data.edit_history_tweet_ids": []any{id}})
	if len(id) != 19 {
		t.Errorf("id is %q, want 19 digits", id)
	}
	reply := b.send("POST", "/2/tweets",
		`{"text":"second","reply":{"in_reply_to_tweet_id":"`+id+`","exclude_reply_user_ids":["1"]},"reply_settings":"following"}`)
	b.want(reply, 201, nil)
	answer, _ := reply.at("data.id").(string)
	want := []Post{
		{ID: answer, Text: "second", CreatedAt: xStart(), ReplyTo: id},
		{ID: id, Text: "Hello <b> & かな", CreatedAt: xStart(), Replies: 1},
	}
	if held := b.world.Posts("x"); !reflect.DeepEqual(held, want) {
		t.Errorf("posts are %+v, want %+v", held, want)
	}
	b.want(b.send("GET", "/2/tweets/"+answer+"?tweet.fields=conversation_id,referenced_tweets,in_reply_to_user_id,reply_settings", nil), 200,
		map[string]any{
			"data.conversation_id": id, "data.referenced_tweets": []any{map[string]any{"type": "replied_to", "id": id}},
			"data.in_reply_to_user_id": XUserID, "data.reply_settings": "following",
		})
}

func TestXPublishRefuses(t *testing.T) {
	const problem, title = "https://api.x.com/2/problems/invalid-request", "Invalid Request"
	long := strings.Repeat("x", 281)
	for name, test := range map[string]struct {
		body   string
		status int
		parts  map[string]any
	}{
		"empty":         {`{"text":" "}`, 400, map[string]any{"title": title, "type": problem, "errors.0.parameters.text.0": " "}},
		"missing":       {`{}`, 400, map[string]any{"title": title, "detail": "One or more parameters to your request was invalid."}},
		"null":          {`null`, 400, map[string]any{"title": title}},
		"wrong type":    {`{"text":5}`, 400, map[string]any{"title": title}},
		"unknown field": {`{"text":"a","media":{}}`, 400, map[string]any{"errors.0.message": `read body: json: unknown field "media"`}},
		"more follows":  {`{"text":"a"}{}`, 400, map[string]any{"title": title}},
		"too long":      {`{"text":"` + long + `"}`, 400, map[string]any{"title": title, "errors.0.parameters.text.0": long}},
		"settings":      {`{"text":"a","reply_settings":"nobody"}`, 400, map[string]any{"errors.0.parameters.reply_settings.0": "nobody"}},
		"reply to none": {`{"text":"a","reply":{}}`, 400, map[string]any{"title": title}},
		"reply to word": {`{"text":"a","reply":{"in_reply_to_tweet_id":"abc"}}`, 400, map[string]any{"title": title}},
		"exclude word": {
			`{"text":"a","reply":{"in_reply_to_tweet_id":"1","exclude_reply_user_ids":["a"]}}`, 400, map[string]any{"title": title},
		},
		"reply to gone": {`{"text":"a","reply":{"in_reply_to_tweet_id":"17"}}`, 403, map[string]any{
			"title": "Forbidden", "detail": "You attempted to reply to a Tweet that is deleted or not visible to you.", "status": 403.0,
		}},
		"duplicate": {`{"text":"there already"}`, 403, map[string]any{
			"detail": "You are not allowed to create a Tweet with duplicate content.", "type": "about:blank", "title": "Forbidden", "status": 403.0,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newXBench(t)
			b.post("there already")
			got := b.send("POST", "/2/tweets", test.body)
			b.want(got, test.status, test.parts)
			if kind := got.header.Get("Content-Type"); kind != "application/problem+json" {
				t.Errorf("Content-Type is %q", kind)
			}
			if held := b.world.Posts("x"); len(held) != 1 {
				t.Errorf("%d posts are held, want 1", len(held))
			}
		})
	}
}

func TestXWeight(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "Hello": 5, "naïve": 5, "nai\u0308ve": 5, "かな": 4, "“quoted”": 8, "a…b": 4, "한": 2, "\u1112\u1161\u11ab": 2,
		"👍": 2, "👍🏽": 2, "👨‍👩‍👧‍👦": 2, "🇩🇪": 2, "1️⃣": 2, "❤️": 2, "⛹🏽": 2, "☀": 2,
		"https://example.com":                           23,
		"see https://example.com/a/very/long?path=x#y.": 28,
		"(http://a.example.org/かな)":                     25,
		"https://localhost":                             17,
		"https://a.example https://b.example":           47,
	} {
		if got := xWeight(text); got != want {
			t.Errorf("%q weighs %d, want %d", text, got, want)
		}
	}
}

func TestXLongestText(t *testing.T) {
	b := newXBench(t)
	b.post(strings.Repeat("か", 140))
	b.post(strings.Repeat("x", 256) + " https://example.com/" + strings.Repeat("y", 300))
	got := b.send("POST", "/2/tweets", `{"text":"`+strings.Repeat("か", 141)+`"}`)
	b.want(got, 400, nil)
	if message, _ := got.at("errors.0.message").(string); !strings.HasPrefix(message, "Your Tweet text is too long.") {
		t.Errorf("message is %q", message)
	}
}

func TestXGet(t *testing.T) {
	b := newXBench(t)
	b.world.Seed("x", []Post{{
		Text: "seen", CreatedAt: time.Date(2021, 10, 6, 22, 13, 20, 0, time.FixedZone("", 3600)), ReplyTo: "42",
		Likes: 1, Reposts: 2, Replies: 3, Views: 9_007_199_254_740_993,
	}})
	id := b.world.Posts("x")[0].ID
	plain := b.send("GET", "/2/tweets/"+id, nil)
	b.want(plain, 200, map[string]any{"data": map[string]any{"id": id, "text": "seen", "edit_history_tweet_ids": []any{id}}})
	got := b.send("GET", "/2/tweets/"+id+"?tweet.fields=created_at,public_metrics,author_id,lang,possibly_sensitive,geo&"+
		"expansions=author_id,referenced_tweets.id&user.fields=verified", nil)
	b.want(got, 200, map[string]any{
		"data.created_at": "2021-10-06T21:13:20.000Z", "data.author_id": XUserID, "data.geo": nil, "data.possibly_sensitive": false,
		"data.public_metrics.like_count": 1.0, "data.public_metrics.retweet_count": 2.0, "data.public_metrics.reply_count": 3.0,
		"data.public_metrics.quote_count": 0.0, "data.public_metrics.bookmark_count": 0.0,
		"includes.users.0": map[string]any{"id": XUserID, "name": XName, "username": XUsername, "verified": false}, "includes.tweets": nil,
	})
	if !strings.Contains(got.text, `"impression_count":9007199254740993`) {
		t.Errorf("impressions are not exact: %s", got.text)
	}
}

func TestXGetRefuses(t *testing.T) {
	for target, parts := range map[string]map[string]any{
		"/2/tweets/abc":                  {"errors.0.message": "The `id` query parameter value [abc] is not valid", "title": "Invalid Request"},
		"/2/tweets/12345678901234567890": {"title": "Invalid Request"},
		"/2/tweets/1?fields=text":        {"errors.0.message": `unknown parameter "fields"`},
		"/2/tweets/1?tweet.fields=likes": {"errors.0.parameters": map[string]any{"tweet.fields": []any{"likes"}}},
		"/2/tweets/1?tweet.fields=id,":   {"title": "Invalid Request"},
		"/2/tweets/1?expansions=geo":     {"errors.0.parameters": map[string]any{"expansions": []any{"geo"}}},
	} {
		t.Run(target, func(t *testing.T) {
			b := newXBench(t)
			b.want(b.send("GET", target, nil), 400, parts)
		})
	}
	t.Run("missing", func(t *testing.T) {
		b := newXBench(t)
		b.want(b.send("GET", "/2/tweets/7", nil), 200, map[string]any{
			"data": nil, "errors.0.title": "Not Found Error", "errors.0.resource_id": "7", "errors.0.resource_type": "tweet",
			"errors.0.detail": "Could not find tweet with id: [7].", "errors.0.type": "https://api.x.com/2/problems/resource-not-found",
		})
	})
}

func TestXDelete(t *testing.T) {
	b := newXBench(t)
	parent := b.post("parent")
	reply := b.send("POST", "/2/tweets", `{"text":"reply","reply":{"in_reply_to_tweet_id":"`+parent+`"}}`).at("data.id").(string)
	b.want(b.send("DELETE", "/2/tweets/"+reply, nil), 200, map[string]any{"data": map[string]any{"deleted": true}})
	b.want(b.send("DELETE", "/2/tweets/"+reply, nil), 200, map[string]any{"data": map[string]any{"deleted": false}})
	b.want(b.send("DELETE", "/2/tweets/x", nil), 400, map[string]any{"title": "Invalid Request"})
	b.want(b.send("DELETE", "/2/tweets/1?force=1", nil), 400, map[string]any{"title": "Invalid Request"})
	b.want(b.send("GET", "/2/tweets/"+reply, nil), 200, map[string]any{"errors.0.title": "Not Found Error"})
	if held := b.world.Posts("x"); len(held) != 1 || held[0].ID != parent || held[0].Replies != 0 {
		t.Errorf("posts are %+v, want the parent without replies", held)
	}
	b.post("reply") // what was deleted may be said again
}

func TestXMe(t *testing.T) {
	b := newXBench(t)
	b.seed(3)
	b.want(b.send("GET", "/2/users/me", nil), 200,
		map[string]any{"data": map[string]any{"id": XUserID, "name": XName, "username": XUsername}})
	b.want(b.send("GET", "/2/users/me?user.fields=profile_image_url,public_metrics,description,verified", nil), 200, map[string]any{
		"data.verified": false, "data.public_metrics.tweet_count": 3.0, "data.public_metrics.followers_count": 1204.0,
		"data.description": "Posts that nobody reads.",
	})
	b.want(b.send("GET", "/2/users/me?user.fields=email", nil), 400, map[string]any{"errors.0.parameters": map[string]any{"user.fields": []any{"email"}}})
	b.want(b.send("GET", "/2/users/me?expand=all", nil), 400, map[string]any{"title": "Invalid Request"})
}

func TestXHeadersAndRoutes(t *testing.T) {
	b := newXBench(t)
	for _, request := range []struct {
		method, target string
		status         int
	}{
		{"PUT", "/2/tweets", 405}, {"POST", "/2/tweets/1", 405}, {"GET", "/2/oauth2/token", 405}, {"POST", "/2/users/me", 405},
		{"GET", "/2/users", 404}, {"GET", "/1.1/statuses/show.json", 404}, {"GET", "/2/tweets/1/likes", 404},
	} {
		b.want(b.send(request.method, request.target, nil), request.status,
			map[string]any{"status": float64(request.status), "type": "about:blank", "title": http.StatusText(request.status)})
	}
	b.want(b.sendAs("POST", "/2/tweets", "text/plain", `{"text":"a"}`), 400, map[string]any{"title": "Invalid Request"})
	b.want(b.sendAs("POST", "/2/tweets?dry=1", "application/json", `{"text":"a"}`), 400, map[string]any{"title": "Invalid Request"})
	for _, token := range []string{"", "another", XRefreshToken} {
		b.token = token
		b.want(b.send("GET", "/2/users/me", nil), 401,
			map[string]any{"title": "Unauthorized", "type": "about:blank", "status": 401.0, "detail": "Unauthorized"})
	}
}

func TestXRateHeaders(t *testing.T) {
	b := newXBench(t)
	for target, limit := range map[string]int{"/2/users/me": 75, "/2/tweets/1": 900, xTimelinePath: 900} {
		got := b.send("GET", target, nil)
		want := []string{strconv.Itoa(limit), strconv.Itoa(limit - 1), decimal(xStart().Add(15 * time.Minute).Unix())}
		var found []string
		for _, name := range []string{"limit", "remaining", "reset"} {
			found = append(found, got.header.Get("x-rate-limit-"+name))
		}
		if !slices.Equal(found, want) {
			t.Errorf("%s has rate headers %v, want %v", target, found, want)
		}
	}
	var last xGot
	for range 100 {
		last = b.send("GET", "/2/users/me", nil)
	}
	if left := last.header.Get("X-Rate-Limit-Remaining"); last.status != 200 || left != "1" {
		t.Errorf("after 101 requests the status is %d with %s left, want 200 with 1", last.status, left)
	}
}

// refresh sends a refresh token as an app does.
func (b *xBench) refresh(token string) xGot {
	b.Helper()
	return b.send("POST", "/2/oauth2/token",
		url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {XClientID}})
}

func TestXRefresh(t *testing.T) {
	b := newXBench(t)
	b.token = ""
	got := b.refresh(XRefreshToken)
	b.want(got, 200, map[string]any{"token_type": "bearer", "expires_in": 7200.0})
	if scope, _ := got.at("scope").(string); !strings.Contains(scope, "offline.access") {
		t.Errorf("scope is %q", scope)
	}
	b.want(b.refresh(XRefreshToken), 400,
		map[string]any{"error": "invalid_request", "error_description": "Value passed for the token was invalid."})
	b.token = got.at("access_token").(string)
	b.want(b.send("GET", "/2/users/me", nil), 200, nil)
	b.want(b.refresh(got.at("refresh_token").(string)), 200, nil)
}

func TestXRefreshRefuses(t *testing.T) {
	whole := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {XRefreshToken}, "client_id": {XClientID}}
	for name, test := range map[string]struct {
		change url.Values
		status int
		error  string
	}{
		"no client":       {url.Values{"client_id": nil}, 400, "invalid_request"},
		"no token":        {url.Values{"refresh_token": nil}, 400, "invalid_request"},
		"no grant":        {url.Values{"grant_type": nil}, 400, "invalid_request"},
		"another client":  {url.Values{"client_id": {"another"}}, 401, "invalid_client"},
		"another grant":   {url.Values{"grant_type": {"password"}}, 400, "unsupported_grant_type"},
		"an access token": {url.Values{"refresh_token": {XToken}}, 400, "invalid_request"},
		"unknown field":   {url.Values{"client_secret": {"x"}}, 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newXBench(t)
			sent := url.Values{}
			for _, values := range []url.Values{whole, test.change} {
				maps.Copy(sent, values)
			}
			b.want(b.send("POST", "/2/oauth2/token", sent), test.status, map[string]any{"error": test.error})
			b.want(b.refresh(XRefreshToken), 200, nil) // what is refused costs no token
		})
	}
	t.Run("JSON", func(t *testing.T) {
		b := newXBench(t)
		b.want(b.send("POST", "/2/oauth2/token", `{}`), 400, map[string]any{"error": "invalid_request"})
	})
}

func TestXExpiredToken(t *testing.T) {
	b := newXBench(t)
	b.world.Fail("x", "POST /2/tweets", ExpiredToken)
	b.want(b.send("GET", "/2/users/me", nil), 200, nil)
	for range 2 {
		b.want(b.send("POST", "/2/tweets", `{"text":"a"}`), 401,
			map[string]any{"title": "Unauthorized", "type": "about:blank", "status": 401.0, "detail": "Unauthorized"})
	}
	got := b.refresh(XRefreshToken)
	b.want(b.send("GET", "/2/users/me", nil), 401, nil)
	b.token = got.at("access_token").(string)
	b.post("a")
}

func TestXRateLimited(t *testing.T) {
	b := newXBench(t)
	b.world.Fail("x", "", RateLimited)
	got := b.send("POST", "/2/tweets", `{"text":"a"}`)
	b.want(got, 429, map[string]any{"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429.0})
	reset, err := strconv.ParseInt(got.header.Get("X-Rate-Limit-Reset"), 10, 64)
	if wait := time.Unix(reset, 0).Sub(xStart()); err != nil || wait < 30*time.Second || wait > time.Minute {
		t.Errorf("reset is in %v (%v), want 30 to 60 s", wait, err)
	}
	if limit, left := got.header.Get("X-Rate-Limit-Limit"), got.header.Get("X-Rate-Limit-Remaining"); limit != "100" || left != "0" {
		t.Errorf("%s of %s are left, want 0 of 100", left, limit)
	}
	b.post("a")
}

func TestXServerError(t *testing.T) {
	b := newXBench(t)
	b.world.Fail("x", "", ServerError)
	b.want(b.send("GET", "/2/users/me", nil), 503,
		map[string]any{"title": "Service Unavailable", "detail": "Service Unavailable", "type": "about:blank", "status": 503.0})
	b.want(b.send("GET", "/2/users/me", nil), 200, nil)
}
