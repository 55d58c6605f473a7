package pretend

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rivo/uniseg"
)

// The account that the pretend Mastodon instance has.
const (
	MastodonAccountID = "14715"
	MastodonUsername  = "pretend"
	MastodonToken     = "mastodon-pretend-access-token"
)

// mastodonMaxText is the longest status in graphemes, where each link counts as 23.
const mastodonMaxText = 500

// mastodonPlatform is one instance: statuses, with form bodies and a Link header for pages.
type mastodonPlatform struct {
	feed

	now func() time.Time
	ids counter
	mux *http.ServeMux

	keysMu sync.Mutex
	keys   map[string]string // the status that an Idempotency-Key made
}

func newMastodon(now func() time.Time) *mastodonPlatform {
	p := &mastodonPlatform{now: now, ids: counter{last: 103254962155278887}, mux: http.NewServeMux(), keys: map[string]string{}}
	p.mux.HandleFunc("POST /api/v1/statuses", p.publish)
	p.mux.HandleFunc("GET /api/v1/statuses/{id}", p.status)
	p.mux.HandleFunc("DELETE /api/v1/statuses/{id}", p.drop)
	p.mux.HandleFunc("GET /api/v1/accounts/verify_credentials", p.me)
	p.mux.HandleFunc("GET /api/v1/accounts/{id}/statuses", p.list)
	p.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { mastodonFail(w, http.StatusNotFound, "Record not found") })
	return p
}

func (p *mastodonPlatform) seed(posts []Post) {
	for i := range posts {
		posts[i].ID = decimal(p.ids.next())
	}
	p.add(posts...)
}

func (p *mastodonPlatform) posts() []Post { return p.all() }

func mastodonFail(w http.ResponseWriter, status int, text string) {
	answer(w, status, map[string]any{"error": text})
}

func (p *mastodonPlatform) fail(w http.ResponseWriter, _ *http.Request, fault Fault) {
	switch fault {
	case ExpiredToken:
		mastodonFail(w, http.StatusUnauthorized, "The access token is invalid")
	case RateLimited:
		const wait = 40 * time.Second
		w.Header().Set("X-Ratelimit-Limit", "300")
		w.Header().Set("X-Ratelimit-Remaining", "0")
		w.Header().Set("X-Ratelimit-Reset", p.now().Add(wait).UTC().Format("2006-01-02T15:04:05.000000Z"))
		mastodonFail(w, http.StatusTooManyRequests, "Too many requests")
	default:
		mastodonFail(w, http.StatusServiceUnavailable, "There was a temporary problem serving your request, please try again")
	}
}

// ServeHTTP implements http.Handler.
func (p *mastodonPlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if bearer(r) != MastodonToken {
		mastodonFail(w, http.StatusUnauthorized, "The access token is invalid")
		return
	}
	p.mux.ServeHTTP(w, r)
}

func (p *mastodonPlatform) publish(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r, "status", "in_reply_to_id", "visibility", "spoiler_text", "language", "sensitive")
	if err != nil {
		mastodonFail(w, http.StatusUnprocessableEntity, "Validation failed: "+err.Error())
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if post, known := p.made(key); known {
		answer(w, http.StatusOK, p.render(r, post))
		return
	}
	if problem := p.refuse(form); problem != "" {
		mastodonFail(w, http.StatusUnprocessableEntity, "Validation failed: "+problem)
		return
	}
	if reply := form.Get("in_reply_to_id"); reply != "" {
		if _, ok := p.find(reply); !ok {
			mastodonFail(w, http.StatusNotFound, "Record not found")
			return
		}
	}
	post := Post{ID: decimal(p.ids.next()), Text: form.Get("status"), CreatedAt: p.now(), ReplyTo: form.Get("in_reply_to_id")}
	p.add(post)
	p.remember(key, post.ID)
	answer(w, http.StatusOK, p.render(r, post))
}

func (p *mastodonPlatform) made(key string) (Post, bool) {
	p.keysMu.Lock()
	defer p.keysMu.Unlock()
	if key == "" || p.keys[key] == "" {
		return Post{}, false
	}
	return p.find(p.keys[key])
}

func (p *mastodonPlatform) remember(key, id string) {
	p.keysMu.Lock()
	defer p.keysMu.Unlock()
	if key != "" {
		p.keys[key] = id
	}
}

// refuse says what is wrong with a status, or "".
func (p *mastodonPlatform) refuse(form url.Values) string {
	length := 0
	for word := range strings.FieldsSeq(form.Get("status")) {
		if strings.HasPrefix(word, "https://") || strings.HasPrefix(word, "http://") {
			const perLink = 23
			length += perLink - uniseg.GraphemeClusterCount(word)
		}
	}
	length += uniseg.GraphemeClusterCount(form.Get("status"))
	switch visibility := form.Get("visibility"); {
	case strings.TrimSpace(form.Get("status")) == "":
		return "Text can't be blank"
	case length > mastodonMaxText:
		return fmt.Sprintf("Text character limit of %d exceeded", mastodonMaxText)
	case form.Has("visibility") && !slices.Contains([]string{"public", "unlisted", "private", "direct"}, visibility):
		return "Visibility is not included in the list"
	default:
		return ""
	}
}

// render is a Status, with its text as HTML.
func (p *mastodonPlatform) render(r *http.Request, post Post) map[string]any {
	base := "http://" + r.Host
	reply := any(nil)
	if post.ReplyTo != "" {
		reply = post.ReplyTo
	}
	paragraphs := strings.ReplaceAll(html.EscapeString(post.Text), "\n", "<br />")
	return map[string]any{
		"id": post.ID, "created_at": post.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"), "in_reply_to_id": reply,
		"sensitive": false, "spoiler_text": "", "visibility": "public", "language": "en",
		"uri": base + "/users/" + MastodonUsername + "/statuses/" + post.ID, "url": base + "/@" + MastodonUsername + "/" + post.ID,
		"replies_count": post.Replies + p.countReplies(post.ID), "reblogs_count": post.Reposts, "favourites_count": post.Likes, "quotes_count": 0,
		"content": "<p>" + paragraphs + "</p>", "reblog": nil,
		"account":           map[string]any{"id": MastodonAccountID, "username": MastodonUsername, "acct": MastodonUsername, "display_name": "Pretend", "url": base + "/@" + MastodonUsername},
		"media_attachments": []any{}, "mentions": []any{}, "tags": []any{},
	}
}

func (p *mastodonPlatform) status(w http.ResponseWriter, r *http.Request) {
	post, ok := p.find(r.PathValue("id"))
	if !ok {
		mastodonFail(w, http.StatusNotFound, "Record not found")
		return
	}
	answer(w, http.StatusOK, p.render(r, post))
}

func (p *mastodonPlatform) drop(w http.ResponseWriter, r *http.Request) {
	post, ok := p.find(r.PathValue("id"))
	if !ok || !p.remove(post.ID) {
		mastodonFail(w, http.StatusNotFound, "Record not found")
		return
	}
	gone := p.render(r, post)
	gone["text"] = post.Text
	answer(w, http.StatusOK, gone)
}

// list answers a bare array, with the next page in the Link header.
func (p *mastodonPlatform) list(w http.ResponseWriter, r *http.Request) {
	const usual, most = 20, 40
	query, err := readQuery(r, "limit", "max_id", "exclude_replies", "exclude_reblogs")
	limit := usual
	if err == nil && query.Has("limit") {
		limit, err = strconv.Atoi(query.Get("limit"))
	}
	switch {
	case err != nil || limit < 1:
		mastodonFail(w, http.StatusBadRequest, "limit is not valid")
		return
	case r.PathValue("id") != MastodonAccountID:
		mastodonFail(w, http.StatusNotFound, "Record not found")
		return
	}
	limit = min(limit, most)
	posts, more := p.page(query.Get("max_id"), limit)
	rendered := make([]any, len(posts))
	for i, post := range posts {
		rendered[i] = p.render(r, post)
	}
	if more {
		next := fmt.Sprintf("http://%s%s?limit=%d&max_id=%s", r.Host, r.URL.Path, limit, posts[len(posts)-1].ID)
		w.Header().Set("Link", "<"+next+`>; rel="next", <http://`+r.Host+r.URL.Path+"?min_id="+posts[0].ID+`>; rel="prev"`)
	}
	answer(w, http.StatusOK, rendered)
}

func (p *mastodonPlatform) me(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"id": MastodonAccountID, "username": MastodonUsername, "acct": MastodonUsername, "display_name": "Pretend", "note": "<p>Posts that <b>nobody</b> reads.</p>",
		"url": "http://" + r.Host + "/@" + MastodonUsername, "avatar": "https://files.example/avatar.png", "followers_count": 821, "following_count": 3, "statuses_count": len(p.all()),
		"source": map[string]any{"note": "Posts that nobody reads.", "privacy": "public", "language": "en"},
	})
}
