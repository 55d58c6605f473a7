package pretend

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// metaStart is when the tests' clock stands at first.
func metaStart() time.Time { return time.Date(2026, 6, 15, 12, 0, 0, 250_000_000, time.UTC) }

// metaGot is an answer as the tests look at it.
type metaGot struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

// at is what stands at a path such as "error.code", or nil.
func (g metaGot) at(path string) any {
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

// metaBench is a world of which one platform listens on loopback. Threads and Facebook share it, as they share a house.
type metaBench struct {
	*testing.T

	world  *World
	name   string
	base   string
	ctx    context.Context //nolint:containedctx // the deadline of one test
	passed atomic.Int64
	// token goes into the query and bearer into the header, unless they are empty.
	token, bearer string
}

func newMetaBench(t *testing.T, name string) *metaBench {
	t.Helper()
	t.Parallel()
	const deadline = 20 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	b := &metaBench{T: t, name: name, ctx: ctx}
	b.world = NewWorld(func() time.Time { return metaStart().Add(time.Duration(b.passed.Load())) })
	server := httptest.NewServer(b.world.Handler(name))
	t.Cleanup(server.Close)
	b.base = server.URL
	return b
}

func newThreadsBench(t *testing.T) *metaBench {
	t.Helper()
	b := newMetaBench(t, "threads")
	b.token = ThreadsToken
	return b
}

// do sends a body of a content type. The answer need not be JSON.
func (b *metaBench) do(method, target, kind, body string) metaGot {
	b.Helper()
	if !strings.HasPrefix(target, "http") {
		target = b.base + target
	}
	request, err := http.NewRequestWithContext(b.ctx, method, target, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if query := request.URL.Query(); b.token != "" && !query.Has("access_token") {
		query.Set("access_token", b.token)
		request.URL.RawQuery = query.Encode()
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	if b.bearer != "" {
		request.Header.Set("Authorization", b.bearer)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	got := metaGot{status: response.StatusCode, header: response.Header, text: string(text)}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(text, &got.body); err != nil {
			b.Fatalf("%s %s answered no JSON object: %q", method, target, text)
		}
	}
	return got
}

const metaForm = "application/x-www-form-urlencoded"

// send sends a form where there is one, as "name=value&…".
func (b *metaBench) send(method, target, form string) metaGot {
	b.Helper()
	kind := metaForm
	if form == "" {
		kind = ""
	}
	return b.do(method, target, kind, form)
}

// want checks a status and, by path, parts of the body.
func (b *metaBench) want(got metaGot, status int, parts map[string]any) {
	b.Helper()
	if got.status != status {
		b.Fatalf("status is %d, want %d: %.300s", got.status, status, got.text)
	}
	for path, want := range parts {
		if found := got.at(path); !reflect.DeepEqual(found, want) {
			b.Errorf("%s is %v, want %v in %.900s", path, found, want, got.text)
		}
	}
}

// refused checks the error of the house: its status, its code, and what its message holds.
func (b *metaBench) refused(got metaGot, status, code int, words string) {
	b.Helper()
	b.want(got, status, map[string]any{"error.code": float64(code)})
	message, _ := got.at("error.message").(string)
	if !strings.Contains(message, words) || got.at("error.type") == nil || got.at("error.fbtrace_id") == nil {
		b.Errorf("error is %s, want type, fbtrace_id and a message with %q", got.text, words)
	}
}

// holds checks how many posts are kept.
func (b *metaBench) holds(count int) {
	b.Helper()
	if held := b.world.Posts(b.name); len(held) != count {
		b.Errorf("posts are %+v, want %d", held, count)
	}
}

// seed adds count posts, a minute apart, of which the newest is post 0.
func (b *metaBench) seed(count int) []Post {
	posts := make([]Post, count)
	for i := range posts {
		posts[i] = Post{Text: fmt.Sprint("post ", i), CreatedAt: metaStart().Add(-time.Duration(i) * time.Minute), Likes: 3, Reposts: 2, Replies: 1, Views: 9}
	}
	b.world.Seed(b.name, posts)
	return b.world.Posts(b.name)
}

func (b *metaBench) id(got metaGot) string {
	b.Helper()
	b.want(got, 200, nil)
	id, _ := got.at("id").(string)
	if id == "" {
		b.Fatalf("there is no id in %s", got.text)
	}
	return id
}

const (
	threadsMake    = "/v1.0/" + ThreadsUserID + "/threads"
	threadsPublish = "/v1.0/" + ThreadsUserID + "/threads_publish"
)

func threadsText(text string) string { return "media_type=TEXT&text=" + url.QueryEscape(text) }

// container makes one, and looks at it until it is finished.
func (b *metaBench) container(form string) string {
	b.Helper()
	id := b.id(b.send("POST", threadsMake, form))
	for _, status := range []string{"IN_PROGRESS", "FINISHED"} {
		b.want(b.send("GET", "/v1.0/"+id+"?fields=id,status,error_message", ""), 200, map[string]any{"id": id, "status": status, "error_message": nil})
	}
	return id
}

func (b *metaBench) thread(form string) string {
	b.Helper()
	return b.id(b.send("POST", threadsPublish, "creation_id="+b.container(form)))
}

func TestThreadsPublish(t *testing.T) {
	b := newThreadsBench(t)
	made := b.container(threadsText("Hello <b> & かな") + "&link_attachment=https://example.com/a&reply_control=everyone")
	b.holds(0) // a container is no post
	id := b.id(b.send("POST", threadsPublish, "creation_id="+made))
	want := []Post{{ID: id, Text: "Hello <b> & かな", Link: "https://example.com/a", CreatedAt: metaStart()}}
	if held := b.world.Posts("threads"); id == made || !reflect.DeepEqual(held, want) {
		t.Errorf("posts are %+v, want %+v", held, want)
	}
	b.want(b.send("GET", "/v1.0/"+made+"?fields=status", ""), 200, map[string]any{"id": made, "status": "PUBLISHED"})
	fields := "id,media_product_type,media_type,media_url,permalink,owner,username,text,timestamp,shortcode,is_quote_post,has_replies,replied_to"
	b.want(b.send("GET", "/v1.0/"+id+"?fields="+fields, ""), 200, map[string]any{
		"id": id, "media_product_type": "THREADS", "media_type": "TEXT_POST", "permalink": "https://www.threads.net/@" + ThreadsUsername + "/post/" + id,
		"owner": map[string]any{"id": ThreadsUserID}, "username": ThreadsUsername, "text": "Hello <b> & かな", "timestamp": "2026-06-15T12:00:00+0000",
		"is_quote_post": false, "has_replies": false, "replied_to": nil, "media_url": nil,
	})
	answer := b.thread(threadsText("second") + "&reply_to_id=" + id)
	b.want(b.send("GET", "/v1.0/"+answer+"?fields=replied_to", ""), 200, map[string]any{"replied_to": map[string]any{"id": id}, "text": nil})
	b.want(b.send("GET", "/v1.0/"+id+"?fields=has_replies", ""), 200, map[string]any{"has_replies": true})
	b.thread(threadsText("second")) // the same text twice is no duplicate here
}

func TestThreadsParameters(t *testing.T) {
	b := newThreadsBench(t)
	made := b.id(b.send("POST", "/v1.0/me/threads?"+threadsText("in the query"), ""))
	b.send("GET", "/v1.0/"+made+"?fields=status", "")
	b.send("GET", "/v1.0/"+made+"?fields=status", "")
	b.id(b.send("POST", "/v1.0/me/threads_publish?creation_id="+made, ""))
	b.token = "" // from here on it stands in the form
	b.id(b.send("POST", threadsMake, threadsText("in a form")+"&access_token="+ThreadsToken))
	b.refused(b.send("POST", threadsMake+"?access_token="+ThreadsToken, threadsText("twice")+"&access_token="+ThreadsToken), 400, 100, "given twice")
}

func TestThreadsOrder(t *testing.T) {
	early := map[string]any{
		"error.code": 24.0, "error.error_subcode": 4279009.0, "error.type": "OAuthException", "error.is_transient": false,
		"error.message": "The requested resource does not exist", "error.error_user_title": "Media Not Found",
	}
	for looks := range 2 {
		t.Run(fmt.Sprint("published after looks: ", looks), func(t *testing.T) {
			b := newThreadsBench(t)
			made := b.id(b.send("POST", threadsMake, threadsText("early")))
			for range looks {
				b.want(b.send("GET", "/v1.0/"+made+"?fields=status", ""), 200, map[string]any{"status": "IN_PROGRESS"})
			}
			b.want(b.send("POST", threadsPublish, "creation_id="+made), 400, early)
			b.holds(0)
			b.want(b.send("GET", "/v1.0/"+made+"?fields=status", ""), 200, map[string]any{"status": "FINISHED"})
			b.id(b.send("POST", threadsPublish, "creation_id="+made)) // that error is to be retried
			b.holds(1)
		})
	}
	t.Run("twice", func(t *testing.T) {
		b := newThreadsBench(t)
		made := b.container(threadsText("once"))
		b.id(b.send("POST", threadsPublish, "creation_id="+made))
		b.refused(b.send("POST", threadsPublish, "creation_id="+made), 400, 100, "creation_id")
		b.holds(1)
	})
	t.Run("too late", func(t *testing.T) {
		b := newThreadsBench(t)
		made := b.container(threadsText("late"))
		b.passed.Store(int64(24 * time.Hour))
		b.want(b.send("GET", "/v1.0/"+made+"?fields=status", ""), 200, map[string]any{"status": "EXPIRED"})
		b.refused(b.send("POST", threadsPublish, "creation_id="+made), 400, 100, "creation_id")
		b.holds(0)
	})
}

func TestThreadsRefuses(t *testing.T) {
	const form = metaForm
	post := "/v1.0/{post}"
	for name, test := range map[string]struct {
		method, target, kind, body string
		status, code               int
		words                      string
	}{
		"no media type":      {"POST", threadsMake, form, "text=a", 400, 100, "media_type"},
		"an image":           {"POST", threadsMake, form, "media_type=IMAGE&text=a", 400, 100, "media_type"},
		"no text":            {"POST", threadsMake, form, "media_type=TEXT", 400, 100, "text is required"},
		"too long":           {"POST", threadsMake, form, threadsText(strings.Repeat("x", 501)), 400, 100, "at most 500 characters"},
		"emoji too long":     {"POST", threadsMake, form, threadsText(strings.Repeat("👍", 125) + "x"), 400, 100, "at most 500 characters"},
		"unknown field":      {"POST", threadsMake, form, threadsText("a") + "&message=b", 400, 100, `unknown parameter "message"`},
		"unknown in query":   {"POST", threadsMake + "?dry=1", form, threadsText("a"), 400, 100, `unknown parameter "dry"`},
		"text twice":         {"POST", threadsMake, form, threadsText("a") + "&text=b", 400, 100, `"text" is given twice`},
		"reply to nothing":   {"POST", threadsMake, form, threadsText("a") + "&reply_to_id=1", 400, 100, "reply_to_id"},
		"another user":       {"POST", "/v1.0/1/threads", form, threadsText("a"), 400, 100, "Unsupported post request"},
		"JSON":               {"POST", threadsMake, "application/json", `{"media_type":"TEXT","text":"a"}`, 400, 100, "Content-Type"},
		"no content type":    {"POST", threadsMake, "", threadsText("a"), 400, 100, "Content-Type"},
		"broken form":        {"POST", threadsMake, form, "text=%zz", 400, 100, "Invalid parameter"},
		"publish nothing":    {"POST", threadsPublish, form, "", 400, 100, "creation_id"},
		"publish unknown":    {"POST", threadsPublish, form, "creation_id=1", 400, 100, "creation_id"},
		"publish with text":  {"POST", threadsPublish, form, "creation_id=1&text=a", 400, 100, `unknown parameter "text"`},
		"publish a post":     {"POST", threadsPublish, form, "creation_id={post}", 400, 100, "creation_id"},
		"publish for others": {"POST", "/v1.0/1/threads_publish", form, "creation_id=1", 400, 100, "Unsupported post request"},
		"status of a post":   {"GET", post + "?fields=id,status", "", "", 400, 100, "nonexisting field (status)"},
		"no fields":          {"GET", post, "", "", 400, 100, "nonexisting field"},
		"unknown to get":     {"GET", post + "?fields=id&dry=1", "", "", 400, 100, `unknown parameter "dry"`},
		"get nothing":        {"GET", "/v1.0/1?fields=id", "", "", 400, 100, "does not exist"},
		"field of a user":    {"GET", "/v1.0/me?fields=text", "", "", 400, 100, "nonexisting field (text)"},
		"delete nothing":     {"DELETE", "/v1.0/1", "", "", 400, 100, "does not exist"},
		"delete with more":   {"DELETE", post + "?dry=1", "", "", 400, 100, `unknown parameter "dry"`},
		"no metric":          {"GET", post + "/insights", "", "", 400, 100, "metric must be"},
		"unknown metric":     {"GET", post + "/insights?metric=likes,clicks", "", "", 400, 100, "metric must be"},
		"metrics with more":  {"GET", post + "/insights?metric=likes&dry=1", "", "", 400, 100, `unknown parameter "dry"`},
		"metrics of nothing": {"GET", "/v1.0/1/insights?metric=likes", "", "", 400, 100, "does not exist"},
		"list of another":    {"GET", "/v1.0/1/threads?fields=id", "", "", 400, 100, "Unsupported get request"},
		"list of status":     {"GET", threadsMake + "?fields=status", "", "", 400, 100, "nonexisting field (status)"},
		"list of no fields":  {"GET", threadsMake, "", "", 400, 100, "nonexisting field"},
		"limit of nothing":   {"GET", threadsMake + "?fields=id&limit=0", "", "", 400, 100, "limit"},
		"limit of words":     {"GET", threadsMake + "?fields=id&limit=ten", "", "", 400, 100, "ten"},
		"unknown cursor":     {"GET", threadsMake + "?fields=id&after=1", "", "", 400, 100, "cursor"},
		"two cursors":        {"GET", threadsMake + "?fields=id&after={post}&before={post}", "", "", 400, 100, "exclude"},
		"unknown to list":    {"GET", threadsMake + "?fields=id&page=2", "", "", 400, 100, `unknown parameter "page"`},
		"unknown route":      {"GET", "/v1.0/me/posts/all", "", "", 404, 100, "Unsupported request"},
		"wrong method":       {"PUT", threadsMake, form, threadsText("a"), 404, 100, "Unsupported request"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newThreadsBench(t)
			fill := strings.NewReplacer("{post}", b.seed(1)[0].ID)
			b.refused(b.do(test.method, fill.Replace(test.target), test.kind, fill.Replace(test.body)), test.status, test.code, test.words)
			b.holds(1)
		})
	}
}

func TestThreadsLength(t *testing.T) {
	b := newThreadsBench(t)
	for _, text := range []string{strings.Repeat("x", 500), strings.Repeat("é", 500), strings.Repeat("👍", 125)} {
		b.thread(threadsText(text)) // only emoji count as bytes
	}
}

func TestThreadsDelete(t *testing.T) {
	b := newThreadsBench(t)
	target := "/v1.0/" + b.seed(1)[0].ID
	b.want(b.send("DELETE", target, ""), 200, map[string]any{"success": true, "deleted_id": strings.TrimPrefix(target, "/v1.0/")})
	b.refused(b.send("DELETE", target, ""), 400, 100, "does not exist")
	b.refused(b.send("GET", target+"?fields=id", ""), 400, 100, "does not exist")
	b.holds(0)
}

func TestThreadsMetricsAndProfile(t *testing.T) {
	b := newThreadsBench(t)
	id := b.seed(1)[0].ID
	b.thread(threadsText("an answer") + "&reply_to_id=" + id)
	got := b.send("GET", "/v1.0/"+id+"/insights?metric=views,likes,replies,reposts,quotes,shares", "")
	for i, value := range []float64{9, 3, 2, 2, 0, 0} {
		b.want(got, 200, map[string]any{fmt.Sprintf("data.%d.values.0.value", i): value, fmt.Sprintf("data.%d.period", i): "lifetime"})
	}
	b.want(got, 200, map[string]any{"data.1.name": "likes", "data.1.title": "Likes", "data.1.id": id + "/insights/likes/lifetime", "data.6": nil})
	for _, user := range []string{"me", ThreadsUserID} {
		b.want(b.send("GET", "/v1.0/"+user+"?fields=id,username,name,threads_profile_picture_url,threads_biography", ""), 200, map[string]any{
			"id": ThreadsUserID, "username": ThreadsUsername, "name": "Pretend", "threads_biography": "Posts that nobody reads.",
		})
	}
}

func TestThreadsToken(t *testing.T) {
	b := newThreadsBench(t)
	const refresh = "/v1.0/refresh_access_token?grant_type="
	b.refused(b.send("GET", refresh+"refresh_token", ""), 400, 100, "grant_type")
	b.refused(b.send("GET", refresh+"th_refresh_token&scope=all", ""), 400, 100, "grant_type")
	b.refused(b.send("GET", refresh+"th_refresh_token&access_token=x", ""), 400, 100, "access_token")
	got := b.send("GET", refresh+"th_refresh_token", "")
	b.want(got, 200, map[string]any{"token_type": "bearer", "expires_in": 5183944.0})
	b.token, _ = got.at("access_token").(string)
	b.want(b.send("GET", "/v1.0/me?fields=id", ""), 200, nil)
	b.world.Fail("threads", "GET /v1.0/me", ExpiredToken)
	for range 2 { // it lasts
		b.refused(b.send("GET", "/v1.0/me?fields=id", ""), 400, 190, "expired")
	}
	b.refused(b.send("GET", refresh+"th_refresh_token", ""), 400, 190, "expired")
}

func TestThreadsConcurrentUse(t *testing.T) {
	b := newThreadsBench(t)
	made := b.container(threadsText("once"))
	var group sync.WaitGroup
	var published atomic.Int64
	for range 20 {
		group.Go(func() {
			if b.send("POST", threadsPublish, "creation_id="+made).status == 200 {
				published.Add(1)
			}
			b.send("GET", threadsMake+"?fields=id", "")
		})
	}
	group.Wait()
	if b.holds(1); published.Load() != 1 {
		t.Errorf("one container was published %d times", published.Load())
	}
}
