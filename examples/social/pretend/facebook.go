package pretend

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
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

	// publishing is held from looking for a duplicate until the post is there.
	publishing sync.Mutex
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
	if err := r.ParseForm(); err != nil {
		metaBad(w, err.Error())
		return
	}
	if bearer(r) != FacebookToken && r.Form.Get("access_token") != FacebookToken {
		metaFail(w, http.StatusBadRequest, "OAuthException", 190, 0, "Invalid OAuth access token - Cannot parse access token")
		return
	}
	p.mux.ServeHTTP(w, r)
}

// facebookParams are the parameters in the body of a POST, a form or JSON; the query may only say what to answer.
func facebookParams(r *http.Request, allowed ...string) (url.Values, error) {
	if _, err := readQuery(r, "fields", "access_token"); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return readForm(r, append(allowed, "access_token")...)
	}
	var body map[string]any
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	params := url.Values{}
	for name, value := range body {
		switch value := value.(type) {
		case string:
			params.Set(name, value)
		case bool:
			params.Set(name, strconv.FormatBool(value))
		default:
			return nil, fmt.Errorf("%q is neither a string nor a boolean", name)
		}
	}
	return params, onlyNamed(params, allowed)
}

func (p *facebookPlatform) publish(w http.ResponseWriter, r *http.Request) {
	form, err := facebookParams(r, "message", "link", "published")
	if err == nil {
		_, err = pickFacebook(r, facebookFields, map[string]any{}) // before anything is kept
	}
	p.publishing.Lock()
	defer p.publishing.Unlock()
	switch {
	case err != nil:
		metaBad(w, err.Error())
	case r.PathValue("page") != FacebookPageID:
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported post request")
	case form.Has("published") && form.Get("published") != "true": // no draft is pretended, and none may come out
		metaBad(w, "published must be true")
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
	form, err := facebookParams(r, "message", "attachment_url")
	if err == nil {
		_, err = pickFacebook(r, facebookFields, map[string]any{})
	}
	_, known := p.find(r.PathValue("post"))
	switch {
	case err != nil:
		metaBad(w, err.Error())
	case form.Get("message") == "":
		metaBad(w, "message is required")
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

// facebookField is a field as it is asked for: id, or reactions.summary(total_count).limit(0).
var facebookField = regexp.MustCompile(`^([a-z_]+)((?:\.(?:summary\((?:true|total_count)\)|limit\(\d+\)))*)$`)

// pickFacebook is what a request asks for. What is counted is told only where a summary is asked for.
func pickFacebook(r *http.Request, known []string, values map[string]any) (map[string]any, error) {
	var asked []string
	values = maps.Clone(values)
	if text := r.URL.Query().Get("fields"); text != "" {
		for field := range strings.SplitSeq(text, ",") {
			parts := facebookField.FindStringSubmatch(field)
			edge := parts != nil && (parts[1] == "reactions" || parts[1] == "comments")
			if parts == nil || parts[2] != "" && !edge {
				return nil, fmt.Errorf("syntax error in field %q", field)
			}
			if _, ok := values[parts[1]]; ok && edge && !strings.Contains(parts[2], ".summary(") {
				values[parts[1]] = map[string]any{"data": []any{}}
			}
			asked = append(asked, parts[1])
		}
	}
	return pickFields(asked, known, values)
}

func (p *facebookPlatform) answerPost(w http.ResponseWriter, r *http.Request, post Post) {
	answerFacebook(w, r, facebookFields, p.render(post))
}

func answerFacebook(w http.ResponseWriter, r *http.Request, known []string, values map[string]any) {
	body, err := pickFacebook(r, known, values)
	if err != nil {
		metaBad(w, err.Error())
		return
	}
	answer(w, http.StatusOK, body)
}

func (p *facebookPlatform) get(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if _, err := readQuery(r, "fields", "access_token"); err != nil {
		metaBad(w, err.Error())
		return
	}
	if id == FacebookPageID || id == "me" {
		answerFacebook(w, r, []string{"id", "name", "picture", "fan_count", "followers_count", "about"}, map[string]any{
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
	if _, err := readQuery(r, "access_token"); err != nil {
		metaBad(w, err.Error())
		return
	}
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
	metaList(w, r, &p.feed, func(post Post) (map[string]any, error) { return pickFacebook(r, facebookFields, p.render(post)) })
}

// pickFields are the fields that are asked for, and the id, of those that are known.
func pickFields(asked, known []string, values map[string]any) (map[string]any, error) {
	body := map[string]any{"id": values["id"]}
	for _, field := range asked {
		if !slices.Contains(known, field) {
			return nil, fmt.Errorf("Tried accessing nonexisting field (%s)", field) //nolint:staticcheck // the platform's own words
		}
		if value, ok := values[field]; ok {
			body[field] = value
		}
	}
	return body, nil
}

// answerFields answers the fields that are asked for, of those that exist.
func answerFields(w http.ResponseWriter, asked, known []string, values map[string]any) {
	body, err := pickFields(asked, known, values)
	if err != nil {
		metaFail(w, http.StatusBadRequest, "THApiException", 100, 0, err.Error())
		return
	}
	answer(w, http.StatusOK, body)
}

// metaList answers a page of posts. Replies are none: they are listed elsewhere.
func metaList(w http.ResponseWriter, r *http.Request, from *feed, pick func(Post) (map[string]any, error)) {
	posts := slices.DeleteFunc(from.all(), func(post Post) bool { return post.ReplyTo != "" })
	begin, end, err := metaPage(r, posts)
	if err == nil {
		_, err = pick(Post{}) // fields are checked even if there is no post
	}
	if err != nil {
		metaBad(w, err.Error())
		return
	}
	data, paging := []any{}, map[string]any{}
	for _, post := range posts[begin:end] {
		body, _ := pick(post)
		data = append(data, body)
	}
	if begin < end {
		paging["cursors"] = map[string]any{"before": posts[begin].ID, "after": posts[end-1].ID}
		if end < len(posts) {
			query := r.URL.Query()
			query.Del("before")
			query.Set("after", posts[end-1].ID)
			paging["next"] = "http://" + r.Host + r.URL.Path + "?" + query.Encode()
		}
	}
	answer(w, http.StatusOK, map[string]any{"data": data, "paging": paging})
}

// metaPage is where the page begins and ends that a request asks for. The cursor behind the last post is there even if no
// page follows; next is not.
func metaPage(r *http.Request, posts []Post) (begin, end int, err error) {
	const usual, most = 25, 100
	query, err := readQuery(r, "fields", "limit", "after", "before", "access_token")
	limit := usual
	if err == nil && query.Has("limit") {
		limit, err = strconv.Atoi(query.Get("limit"))
	}
	after, before := query.Get("after"), query.Get("before")
	at := slices.IndexFunc(posts, func(post Post) bool { return post.ID == after+before })
	switch {
	case err != nil:
		return 0, 0, err
	case limit < 1 || limit > most:
		return 0, 0, fmt.Errorf("limit must be from 1 to %d", most)
	case after != "" && before != "":
		return 0, 0, errors.New("after and before exclude each other")
	case after == "" && before == "":
		return 0, min(limit, len(posts)), nil
	case at < 0: // to begin anew would show posts twice
		return 0, 0, errors.New("the cursor is unknown")
	case before != "":
		return max(0, at-limit), at, nil
	default:
		return at + 1, min(at+1+limit, len(posts)), nil
	}
}
