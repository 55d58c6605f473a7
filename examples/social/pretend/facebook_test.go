package pretend

import (
	"encoding/json"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func newFacebookBench(t *testing.T) *metaBench {
	t.Helper()
	b := newMetaBench(t, "facebook")
	b.bearer = "Bearer " + FacebookToken
	return b
}

const (
	facebookFeed = "/v25.0/" + FacebookPageID + "/feed"
	facebookList = "/v25.0/" + FacebookPageID + "/published_posts"
)

func facebookMessage(text string) string { return "message=" + url.QueryEscape(text) }

func TestFacebookPublish(t *testing.T) {
	b := newFacebookBench(t)
	got := b.send("POST", facebookFeed+"?fields=id,permalink_url", facebookMessage("Hello <b> & かな")+"&link=https://example.com/a&published=true")
	id := b.id(got)
	b.want(got, 200, map[string]any{"permalink_url": "https://www.facebook.com/" + id, "message": nil})
	if !regexp.MustCompile(`^` + FacebookPageID + `_\d{16}$`).MatchString(id) {
		t.Errorf("id is %q, want page_post", id)
	}
	want := []Post{{ID: id, Text: "Hello <b> & かな", Link: "https://example.com/a", CreatedAt: metaStart()}}
	if held := b.world.Posts("facebook"); !reflect.DeepEqual(held, want) {
		t.Errorf("posts are %+v, want %+v", held, want)
	}
	b.want(b.send("GET", "/v25.0/"+id+"?fields=id,message,created_time,permalink_url", ""), 200, map[string]any{
		"id": id, "message": "Hello <b> & かな", "created_time": "2026-06-15T12:00:00+0000", "permalink_url": "https://www.facebook.com/" + id,
	})
	b.want(b.send("POST", facebookFeed, "link=https://example.com/b"), 200, map[string]any{"permalink_url": nil}) // only the id, unasked
	b.want(b.do("POST", facebookFeed+"?fields=message", "application/json", `{"message":"as JSON","published":true}`), 200, map[string]any{"message": "as JSON"})
	b.bearer = ""
	b.want(b.send("POST", facebookFeed+"?access_token="+FacebookToken, facebookMessage("token in the query")), 200, nil)
	b.want(b.send("POST", facebookFeed, facebookMessage("token in the form")+"&access_token="+FacebookToken), 200, nil)
}

func TestFacebookRefuses(t *testing.T) {
	const form, JSON = metaForm, "application/json"
	post := "/v25.0/{post}"
	for name, test := range map[string]struct {
		method, target, kind, body string
		status, code               int
		words                      string
	}{
		"nothing":              {"POST", facebookFeed, form, "", 400, 100, "message or link is required"},
		"empty":                {"POST", facebookFeed, form, "message=&link=", 400, 100, "message or link is required"},
		"too long":             {"POST", facebookFeed, form, facebookMessage(strings.Repeat("é", 63207)), 400, 100, "too long"},
		"unknown field":        {"POST", facebookFeed, form, "message=a&text=b", 400, 100, `unknown parameter "text"`},
		"unknown in query":     {"POST", facebookFeed + "?dry=1", form, "message=a", 400, 100, `unknown parameter "dry"`},
		"message twice":        {"POST", facebookFeed, form, "message=a&message=b", 400, 100, `"message" is given twice`},
		"unknown in JSON":      {"POST", facebookFeed, JSON, `{"message":"a","text":"b"}`, 400, 100, `unknown parameter "text"`},
		"wrong type in JSON":   {"POST", facebookFeed, JSON, `{"message":5}`, 400, 100, `"message" is neither`},
		"broken JSON":          {"POST", facebookFeed, JSON, `{"message":"a"`, 400, 100, "read body"},
		"plain text":           {"POST", facebookFeed, "text/plain", "message=a", 400, 100, "Content-Type"},
		"no content type":      {"POST", facebookFeed, "", "message=a", 400, 100, "Content-Type"},
		"broken form":          {"POST", facebookFeed, form, "message=%zz", 400, 100, "Invalid parameter"},
		"a draft":              {"POST", facebookFeed, form, "message=a&published=false", 400, 100, "published"},
		"published perhaps":    {"POST", facebookFeed, form, "message=a&published=perhaps", 400, 100, "published"},
		"asks for too much":    {"POST", facebookFeed + "?fields=id,text", form, "message=a", 400, 100, "nonexisting field (text)"},
		"another page":         {"POST", "/v25.0/1/feed", form, "message=a", 400, 100, "Unsupported post request"},
		"duplicate":            {"POST", facebookFeed, form, facebookMessage("post 0"), 400, 506, "Duplicate"},
		"comment of nothing":   {"POST", "/v25.0/1_2/comments", form, "message=a", 400, 100, "does not exist"},
		"empty comment":        {"POST", post + "/comments", form, "message=", 400, 100, "message is required"},
		"comment with link":    {"POST", post + "/comments", form, "message=a&link=b", 400, 100, `unknown parameter "link"`},
		"comment asks":         {"POST", post + "/comments?fields=text", form, "message=a", 400, 100, "nonexisting field (text)"},
		"unknown field to get": {"GET", post + "?fields=id,text", "", "", 400, 100, "nonexisting field (text)"},
		"half a field":         {"GET", post + "?fields=reactions.summary(", "", "", 400, 100, "syntax error"},
		"summary of a text":    {"GET", post + "?fields=message.summary(true)", "", "", 400, 100, "syntax error"},
		"unknown to get":       {"GET", post + "?fields=id&metric=likes", "", "", 400, 100, `unknown parameter "metric"`},
		"get nothing":          {"GET", "/v25.0/1_2?fields=id", "", "", 400, 100, "does not exist"},
		"field of the page":    {"GET", "/v25.0/me?fields=message", "", "", 400, 100, "nonexisting field (message)"},
		"delete nothing":       {"DELETE", "/v25.0/1_2", "", "", 400, 100, "does not exist"},
		"delete with more":     {"DELETE", post + "?dry=1", "", "", 400, 100, `unknown parameter "dry"`},
		"list of another":      {"GET", "/v25.0/1/published_posts", "", "", 400, 100, "Unsupported get request"},
		"unknown to list":      {"GET", facebookList + "?page=2", "", "", 400, 100, `unknown parameter "page"`},
		"list of text":         {"GET", facebookList + "?fields=text", "", "", 400, 100, "nonexisting field (text)"},
		"limit too high":       {"GET", facebookList + "?limit=101", "", "", 400, 100, "limit"},
		"unknown cursor":       {"GET", facebookList + "?after=1_2", "", "", 400, 100, "cursor"},
		"old version":          {"GET", "/v2.0/me", "", "", 404, 100, "Unsupported request"},
		"wrong method":         {"PUT", post, form, "message=a", 404, 100, "Unsupported request"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newFacebookBench(t)
			fill := strings.NewReplacer("{post}", b.seed(1)[0].ID)
			b.refused(b.do(test.method, fill.Replace(test.target), test.kind, test.body), test.status, test.code, test.words)
			b.holds(1)
		})
	}
}

func TestFacebookDuplicate(t *testing.T) {
	b := newFacebookBench(t)
	id := b.id(b.send("POST", facebookFeed, "message=the same"))
	b.refused(b.send("POST", facebookFeed, "message=the same"), 400, 506, "Duplicate")
	b.id(b.send("POST", "/v25.0/"+id+"/comments", "message=the same")) // a comment is no post
	b.id(b.send("POST", facebookFeed, "message=the same&link=https://example.com"))
	b.want(b.send("DELETE", "/v25.0/"+id, ""), 200, map[string]any{"success": true})
	b.id(b.send("POST", facebookFeed, "message=the same")) // what was deleted may be said again
}

func TestFacebookLength(t *testing.T) {
	b := newFacebookBench(t)
	b.id(b.send("POST", facebookFeed, facebookMessage(strings.Repeat("👍", 63206))))
}

func TestFacebookMetricsAndProfile(t *testing.T) {
	b := newFacebookBench(t)
	target := "/v25.0/" + b.seed(1)[0].ID
	comment := b.id(b.send("POST", target+"/comments", "message=an answer"))
	b.want(b.send("GET", target+"?fields=shares,reactions.summary(total_count).limit(0),comments.summary(true).limit(0)", ""), 200, map[string]any{
		"shares": map[string]any{"count": 2.0}, "reactions.data": []any{}, "reactions.summary.total_count": 3.0, "comments.summary.total_count": 2.0, "message": nil,
	})
	b.want(b.send("GET", target+"?fields=reactions,comments.limit(0)", ""), 200, map[string]any{"reactions.summary": nil, "comments.summary": nil})
	b.want(b.send("GET", "/v25.0/"+comment+"?fields=message,shares", ""), 200, map[string]any{"message": "an answer", "shares": nil}) // none are not told
	for _, page := range []string{"me", FacebookPageID} {
		b.want(b.send("GET", "/v25.0/"+page+"?fields=id,name,picture,fan_count,followers_count", ""), 200, map[string]any{
			"id": FacebookPageID, "name": "Pretend page", "picture.data.url": "https://cdn.example/p.jpg", "fan_count": 310.0, "followers_count": 322.0, "about": nil,
		})
	}
}

func TestFacebookDelete(t *testing.T) {
	b := newFacebookBench(t)
	target := "/v25.0/" + b.seed(1)[0].ID
	b.want(b.send("DELETE", target, ""), 200, map[string]any{"success": true})
	b.refused(b.send("DELETE", target, ""), 400, 100, "does not exist")
	b.refused(b.send("GET", target, ""), 400, 100, "does not exist")
	b.holds(0)
}

func TestFacebookConcurrentUse(t *testing.T) {
	b := newFacebookBench(t)
	var group sync.WaitGroup
	var published atomic.Int64
	for range 20 {
		group.Go(func() {
			if b.send("POST", facebookFeed, "message=the same").status == 200 {
				published.Add(1)
			}
			b.send("GET", facebookList, "")
		})
	}
	group.Wait()
	if b.holds(1); published.Load() != 1 {
		t.Errorf("the same was published %d times", published.Load())
	}
}

// metaHouse is what the tests of both platforms need to know of each.
var metaHouse = map[string]struct {
	bench            func(*testing.T) *metaBench
	list, text, when string
	answer           func(b *metaBench, id string)
}{
	"threads": {newThreadsBench, threadsMake, "text", "timestamp", func(b *metaBench, id string) { b.thread(threadsText("an answer") + "&reply_to_id=" + id) }},
	"facebook": {newFacebookBench, facebookList, "message", "created_time", func(b *metaBench, id string) {
		b.id(b.send("POST", "/v25.0/"+id+"/comments", "message=an answer"))
	}},
}

func TestMetaList(t *testing.T) {
	for name, house := range metaHouse {
		t.Run(name, func(t *testing.T) {
			b := house.bench(t)
			posts := b.seed(60)
			house.answer(b, posts[0].ID) // which is in no list of posts
			fields := "?fields=id," + house.text
			pages := 0
			for target, seen := house.list+fields, 0; target != ""; pages++ {
				got := b.send("GET", target, "")
				data, _ := got.at("data").([]any)
				if want := min(25, len(posts)-seen); len(data) != want {
					t.Fatalf("page %d has %d posts, want %d", pages, len(data), want)
				}
				for i, shown := range data {
					want := map[string]any{"id": posts[seen+i].ID, house.text: posts[seen+i].Text}
					if !reflect.DeepEqual(shown, want) {
						t.Errorf("post %d is %v, want %v", seen+i, shown, want)
					}
				}
				b.want(got, 200, map[string]any{"paging.cursors.before": posts[seen].ID, "paging.cursors.after": posts[seen+len(data)-1].ID})
				seen += len(data)
				target, _ = got.at("paging.next").(string) // absent with the last page, though its cursors are there
			}
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			at := func(query string) metaGot { return b.send("GET", house.list+fields+query, "") }
			b.want(at("&limit=2&before="+posts[5].ID), 200, map[string]any{"data.0.id": posts[3].ID, "data.1.id": posts[4].ID, "data.2": nil})
			b.want(at("&limit=2&before="+posts[1].ID), 200, map[string]any{"data.0.id": posts[0].ID, "data.1": nil})
			b.want(at("&limit=100"), 200, map[string]any{"data.59.id": posts[59].ID, "paging.next": nil})
			b.want(at("&after="+posts[59].ID), 200, map[string]any{"data": []any{}, "paging": map[string]any{}})
			b.want(b.send("GET", house.list+"?fields="+house.when, ""), 200, map[string]any{
				"data.0": map[string]any{"id": posts[0].ID, house.when: "2026-06-15T12:00:00+0000"},
			})
		})
	}
}

func TestMetaToken(t *testing.T) {
	for name, test := range map[string]struct{ platform, token, bearer string }{
		"threads, none": {"threads", "", ""}, "threads, another": {"threads", "x", ""}, "threads, only a header": {"threads", "", "Bearer " + ThreadsToken},
		"facebook, none": {"facebook", "", ""}, "facebook, another": {"facebook", "x", ""}, "facebook, another in the header": {"facebook", "", "Bearer x"},
		"facebook, no bearer": {"facebook", "", FacebookToken}, "facebook, one of Threads": {"facebook", "", "Bearer " + ThreadsToken},
	} {
		t.Run(name, func(t *testing.T) {
			house := metaHouse[test.platform]
			b := house.bench(t)
			b.token, b.bearer = test.token, test.bearer
			b.refused(b.send("GET", house.list+"?fields=id", ""), 400, 190, "Invalid OAuth access token")
		})
	}
}

func TestMetaFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault  Fault
		status int
		parts  map[string]any
		header string
	}{
		"threads, expired":   {ExpiredToken, 400, map[string]any{"error.code": 190.0, "error.error_subcode": 463.0, "error.type": "OAuthException"}, ""},
		"facebook, expired":  {ExpiredToken, 400, map[string]any{"error.code": 190.0, "error.error_subcode": 463.0, "error.type": "OAuthException"}, ""},
		"threads, limited":   {RateLimited, 400, map[string]any{"error.code": 4.0}, "X-App-Usage"},
		"facebook, limited":  {RateLimited, 403, map[string]any{"error.code": 32.0}, "X-Business-Use-Case-Usage"},
		"threads, failing":   {ServerError, 500, map[string]any{"error.code": 2.0, "error.is_transient": true}, ""},
		"facebook, failing":  {ServerError, 500, map[string]any{"error.code": 1.0, "error.is_transient": true}, ""},
		"threads, with HTML": {HTMLPage, 502, nil, ""}, "facebook, with HTML": {HTMLPage, 502, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			platform, _, _ := strings.Cut(name, ",")
			house := metaHouse[platform]
			b := house.bench(t)
			b.world.Fail(platform, "GET "+house.list, test.fault)
			got := b.send("GET", house.list+"?fields=id", "")
			b.want(got, test.status, test.parts)
			if html := strings.HasPrefix(got.header.Get("Content-Type"), "text/html") && strings.HasPrefix(got.text, "<html>"); html != (test.fault == HTMLPage) {
				t.Errorf("answer is %s: %s", got.header.Get("Content-Type"), got.text)
			}
			if usage := got.header.Get(test.header); test.header != "" && !json.Valid([]byte(usage)) {
				t.Errorf("%s is %q, want JSON", test.header, usage)
			}
			after := 200
			if platform == "threads" && test.fault == ExpiredToken { // which can be refreshed, and lasts until then
				after = 400
			}
			b.want(b.send("GET", house.list+"?fields=id", ""), after, nil)
		})
	}
}

func TestFacebookUsage(t *testing.T) {
	b := newFacebookBench(t)
	b.world.Fail("facebook", "", RateLimited)
	var usage map[string][]map[string]any
	header := b.send("POST", facebookFeed, "message=a").header.Get("X-Business-Use-Case-Usage")
	if err := json.Unmarshal([]byte(header), &usage); err != nil || len(usage[FacebookPageID]) != 1 {
		t.Fatalf("usage is %q, want one entry for the page: %v", header, err)
	}
	for name, want := range map[string]any{"type": "pages", "call_count": 100.0, "estimated_time_to_regain_access": 1.0} {
		if got := usage[FacebookPageID][0][name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	b.holds(0)
}
