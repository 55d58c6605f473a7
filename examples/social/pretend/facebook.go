package pretend

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// The page that the pretend Facebook has.
const (
	FacebookPageID = "546349135390552"
	FacebookToken  = "EAApretend-page-access-token"
)

// facebookMaxText is the longest message in code points.
const facebookMaxText = 63206

// facebookPlatform is the Graph API of one page, below /v25.0.
type facebookPlatform struct {
	feed

	now func() time.Time
	ids counter
	mux *http.ServeMux
}

func newFacebook(now func() time.Time) *facebookPlatform {
	p := &facebookPlatform{now: now, ids: counter{last: 1116689038356555}, mux: http.NewServeMux()}
	p.mux.HandleFunc("POST /v25.0/{page}/feed", p.publish)
	p.mux.HandleFunc("POST /v25.0/{post}/comments", p.comment)
	p.mux.HandleFunc("GET /v25.0/{page}/published_posts", p.list)
	p.mux.HandleFunc("GET /v25.0/{id}", p.get)
	p.mux.HandleFunc("DELETE /v25.0/{id}", p.drop)
	p.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		metaFail(w, http.StatusNotFound, "GraphMethodException", 100, 33, "Unsupported request")
	})
	return p
}

func (p *facebookPlatform) seed(posts []Post) {
	for i := range posts {
		posts[i].ID = FacebookPageID + "_" + decimal(p.ids.next())
	}
	p.add(posts...)
}

func (p *facebookPlatform) posts() []Post { return p.all() }

func (p *facebookPlatform) fail(w http.ResponseWriter, _ *http.Request, fault Fault) {
	switch fault {
	case ExpiredToken:
		metaExpired(w)
	case RateLimited:
		w.Header().Set("X-Business-Use-Case-Usage", `{"`+FacebookPageID+`":[{"type":"pages","call_count":100,"total_cputime":25,"total_time":25,"estimated_time_to_regain_access":1}]}`)
		metaFail(w, http.StatusForbidden, "OAuthException", 32, 0, "Page request limit reached")
	default:
		answer(w, http.StatusInternalServerError, map[string]any{"error": map[string]any{
			"message": "An unknown error has occurred.", "type": "OAuthException", "code": 1, "is_transient": true, "fbtrace_id": "AbCdEfGhIjKlMnOp",
		}})
	}
}

// ServeHTTP implements http.Handler.
func (p *facebookPlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if bearer(r) != FacebookToken {
		metaFail(w, http.StatusBadRequest, "OAuthException", 190, 0, "Invalid OAuth access token - Cannot parse access token")
		return
	}
	p.mux.ServeHTTP(w, r)
}

func (p *facebookPlatform) publish(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r, "message", "link", "published")
	switch {
	case err != nil:
		metaBad(w, err.Error())
	case r.PathValue("page") != FacebookPageID:
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported post request")
	case form.Get("message") == "" && form.Get("link") == "":
		metaBad(w, "message or link is required")
	case utf8.RuneCountInString(form.Get("message")) > facebookMaxText:
		metaBad(w, "message is too long")
	case p.isDuplicate(form.Get("message"), form.Get("link")):
		metaFail(w, http.StatusBadRequest, "OAuthException", 506, 1404078, "Duplicate status message")
	default:
		post := Post{ID: FacebookPageID + "_" + decimal(p.ids.next()), Text: form.Get("message"), Link: form.Get("link"), CreatedAt: p.now()}
		p.add(post)
		p.answerPost(w, r, post)
	}
}

func (p *facebookPlatform) isDuplicate(text, link string) bool {
	for _, post := range p.all() {
		if post.Text == text && post.Link == link && post.ReplyTo == "" {
			return true
		}
	}
	return false
}

// comment answers a post.
func (p *facebookPlatform) comment(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r, "message", "attachment_url")
	_, known := p.find(r.PathValue("post"))
	switch {
	case err != nil || form.Get("message") == "":
		metaBad(w, "message")
	case !known:
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported post request. Object with ID does not exist")
	default:
		post := Post{ID: FacebookPageID + "_" + decimal(p.ids.next()), Text: form.Get("message"), ReplyTo: r.PathValue("post"), CreatedAt: p.now()}
		p.add(post)
		p.answerPost(w, r, post)
	}
}

// facebookFields are what can be asked of a post, without what stands behind a dot.
var facebookFields = []string{"id", "message", "created_time", "permalink_url", "shares", "reactions", "comments"}

func (p *facebookPlatform) render(post Post) map[string]any {
	values := map[string]any{
		"id": post.ID, "message": post.Text, "created_time": post.CreatedAt.UTC().Format(metaTime), "permalink_url": "https://www.facebook.com/" + post.ID,
		"reactions": map[string]any{"data": []any{}, "summary": map[string]any{"total_count": post.Likes}},
		"comments":  map[string]any{"data": []any{}, "summary": map[string]any{"total_count": post.Replies + p.countReplies(post.ID), "order": "ranked"}},
	}
	if post.Reposts > 0 {
		values["shares"] = map[string]any{"count": post.Reposts}
	}
	return values
}

// askedFields are the names in fields=id,reactions.summary(total_count).limit(0).
func askedFields(text string) []string {
	var names []string
	for field := range strings.SplitSeq(text, ",") {
		name, _, _ := strings.Cut(field, ".")
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

func (p *facebookPlatform) answerPost(w http.ResponseWriter, r *http.Request, post Post) {
	answerFields(w, askedFields(r.URL.Query().Get("fields")), facebookFields, p.render(post))
}

func (p *facebookPlatform) get(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if id == FacebookPageID || id == "me" {
		answerFields(w, askedFields(r.URL.Query().Get("fields")), []string{"id", "name", "picture", "fan_count", "followers_count", "about"}, map[string]any{
			"id": FacebookPageID, "name": "Pretend page", "fan_count": 310, "followers_count": 322, "about": "Posts that nobody reads.",
			"picture": map[string]any{"data": map[string]any{"url": "https://cdn.example/p.jpg"}},
		})
		return
	}
	post, ok := p.find(id)
	if !ok {
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, fmt.Sprintf("Unsupported get request. Object with ID '%s' does not exist", id))
		return
	}
	p.answerPost(w, r, post)
}

func (p *facebookPlatform) drop(w http.ResponseWriter, r *http.Request) {
	if !p.remove(r.PathValue("id")) {
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported delete request. Object does not exist")
		return
	}
	answer(w, http.StatusOK, map[string]any{"success": true})
}

func (p *facebookPlatform) list(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("page") != FacebookPageID {
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported get request")
		return
	}
	posts, paging, ok := metaPage(w, r, &p.feed)
	if !ok {
		return
	}
	data := []any{}
	for _, post := range posts {
		data = append(data, p.render(post))
	}
	answer(w, http.StatusOK, map[string]any{"data": data, "paging": paging})
}
