package pretend

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The account that the pretend Threads has.
const (
	ThreadsUserID   = "17841405793187218"
	ThreadsUsername = "pretend.threads"
	ThreadsToken    = "THpretend-access-token"
)

// threadsMaxText is the longest text in bytes of UTF-8.
const threadsMaxText = 500

// threadsPlatform is the Threads API below /v1.0: a post is a container first, and then published.
type threadsPlatform struct {
	feed

	now func() time.Time
	ids counter
	mux *http.ServeMux

	state      sync.Mutex
	access     string
	expired    bool
	grants     int
	containers map[string]*threadsContainer
}

type threadsContainer struct {
	post  Post
	looks int
	// missed is set once publishing it too early was refused.
	missed, published bool
}

func newThreads(now func() time.Time) *threadsPlatform {
	p := &threadsPlatform{now: now, ids: counter{last: 17889455560051443}, mux: http.NewServeMux(), access: ThreadsToken, containers: map[string]*threadsContainer{}}
	p.mux.HandleFunc("POST /v1.0/{user}/threads", p.create)
	p.mux.HandleFunc("POST /v1.0/{user}/threads_publish", p.publish)
	p.mux.HandleFunc("GET /v1.0/{id}/insights", p.insights)
	p.mux.HandleFunc("GET /v1.0/{user}/threads", p.list)
	p.mux.HandleFunc("GET /v1.0/{id}", p.get)
	p.mux.HandleFunc("DELETE /v1.0/{id}", p.drop)
	p.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		metaFail(w, http.StatusNotFound, "GraphMethodException", 100, 33, "Unsupported request")
	})
	return p
}

// metaFail is the error of every API of the same house.
func metaFail(w http.ResponseWriter, status int, kind string, code, subcode int, message string) {
	failure := map[string]any{"message": message, "type": kind, "code": code, "is_transient": false, "fbtrace_id": "AbCdEfGhIjKlMnOp"}
	if subcode != 0 {
		failure["error_subcode"] = subcode
	}
	answer(w, status, map[string]any{"error": failure})
}

func metaBad(w http.ResponseWriter, message string) {
	metaFail(w, http.StatusBadRequest, "OAuthException", 100, 0, "Invalid parameter: "+message)
}

func metaExpired(w http.ResponseWriter) {
	metaFail(w, http.StatusBadRequest, "OAuthException", 190, 463, "Error validating access token: Session has expired")
}

func (p *threadsPlatform) seed(posts []Post) {
	for i := range posts {
		posts[i].ID = decimal(p.ids.next())
	}
	p.add(posts...)
}

func (p *threadsPlatform) posts() []Post { return p.all() }

func (p *threadsPlatform) fail(w http.ResponseWriter, _ *http.Request, fault Fault) {
	switch fault {
	case ExpiredToken:
		p.state.Lock()
		p.expired = true
		p.state.Unlock()
		metaExpired(w)
	case RateLimited:
		metaFail(w, http.StatusBadRequest, "OAuthException", 4, 0, "Application request limit reached")
	default:
		answer(w, http.StatusInternalServerError, map[string]any{"error": map[string]any{
			"message": "An unexpected error has occurred. Please retry your request later.", "type": "OAuthException", "code": 2, "is_transient": true, "fbtrace_id": "AbCdEfGhIjKlMnOp",
		}})
	}
}

// ServeHTTP implements http.Handler.
func (p *threadsPlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.state.Lock()
	token := r.URL.Query().Get("access_token")
	current, known := token == p.access && !p.expired, strings.HasPrefix(token, ThreadsToken)
	p.state.Unlock()
	switch {
	case r.URL.Path == "/v1.0/refresh_access_token" && r.Method == http.MethodGet:
		p.refresh(w, r)
	case !known:
		metaFail(w, http.StatusBadRequest, "OAuthException", 190, 0, "Invalid OAuth access token - Cannot parse access token")
	case !current:
		metaExpired(w)
	default:
		p.mux.ServeHTTP(w, r)
	}
}

func (p *threadsPlatform) refresh(w http.ResponseWriter, r *http.Request) {
	query, err := readQuery(r, "grant_type", "access_token")
	p.state.Lock()
	defer p.state.Unlock()
	if err != nil || query.Get("grant_type") != "th_refresh_token" || query.Get("access_token") != p.access {
		metaBad(w, "grant_type or access_token")
		return
	}
	const lifetime = 5183944
	p.grants++
	p.access, p.expired = fmt.Sprintf("%s-%d", ThreadsToken, p.grants), false
	answer(w, http.StatusOK, map[string]any{"access_token": p.access, "token_type": "bearer", "expires_in": lifetime})
}

func (p *threadsPlatform) isUser(id string) bool { return id == ThreadsUserID || id == "me" }

func (p *threadsPlatform) create(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r, "media_type", "text", "reply_to_id", "reply_control", "link_attachment")
	_, known := p.find(form.Get("reply_to_id"))
	switch {
	case err != nil:
		metaBad(w, err.Error())
	case !p.isUser(r.PathValue("user")):
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported post request")
	case form.Get("media_type") != "TEXT":
		metaBad(w, "media_type must be TEXT")
	case form.Get("text") == "":
		metaBad(w, "text is required")
	case len(form.Get("text")) > threadsMaxText:
		metaFail(w, http.StatusBadRequest, "THApiException", 100, 0, fmt.Sprintf("Param text must be at most %d characters long.", threadsMaxText))
	case form.Has("reply_to_id") && !known:
		metaBad(w, "reply_to_id does not exist")
	default:
		id := decimal(p.ids.next())
		p.state.Lock()
		p.containers[id] = &threadsContainer{post: Post{Text: form.Get("text"), Link: form.Get("link_attachment"), ReplyTo: form.Get("reply_to_id")}}
		p.state.Unlock()
		answer(w, http.StatusOK, map[string]any{"id": id})
	}
}

// publish makes a container a post. One that nobody has looked at is not found at first, as it happens with the real one.
func (p *threadsPlatform) publish(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r, "creation_id")
	if err != nil || !p.isUser(r.PathValue("user")) {
		metaBad(w, "creation_id")
		return
	}
	p.state.Lock()
	defer p.state.Unlock()
	container := p.containers[form.Get("creation_id")]
	switch {
	case container == nil || container.published:
		metaBad(w, "creation_id does not exist")
	case container.looks == 0 && !container.missed:
		container.missed = true
		metaFail(w, http.StatusBadRequest, "OAuthException", 24, 4279009, "The requested resource does not exist")
	default:
		container.published = true
		container.post.ID, container.post.CreatedAt = decimal(p.ids.next()), p.now()
		p.add(container.post)
		answer(w, http.StatusOK, map[string]any{"id": container.post.ID})
	}
}

// threadsFields are what can be asked of a post; a container knows status, and the user its own.
var (
	threadsPostFields = []string{"id", "media_product_type", "media_type", "permalink", "owner", "username", "text", "timestamp", "shortcode", "is_quote_post", "has_replies", "replied_to"}
	threadsUserFields = []string{"id", "username", "name", "threads_profile_picture_url", "threads_biography"}
)

func (p *threadsPlatform) get(w http.ResponseWriter, r *http.Request) {
	query, err := readQuery(r, "fields", "access_token")
	if err != nil {
		metaBad(w, err.Error())
		return
	}
	fields := strings.Split(query.Get("fields"), ",")
	id := r.PathValue("id")
	if p.isUser(id) {
		answerFields(w, fields, threadsUserFields, map[string]any{
			"id": ThreadsUserID, "username": ThreadsUsername, "name": "Pretend", "threads_profile_picture_url": "https://cdn.example/t.jpg", "threads_biography": "Posts that nobody reads.",
		})
		return
	}
	if status, ok := p.look(id); ok {
		answerFields(w, fields, []string{"id", "status", "error_message"}, map[string]any{"id": id, "status": status})
		return
	}
	post, ok := p.find(id)
	if !ok {
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported get request. Object with ID does not exist")
		return
	}
	answerFields(w, fields, threadsPostFields, p.render(post))
}

// answerFields answers the fields that are asked for, of those that exist.
func answerFields(w http.ResponseWriter, asked, known []string, values map[string]any) {
	body := map[string]any{"id": values["id"]}
	for _, field := range asked {
		if !strings.Contains(","+strings.Join(known, ",")+",", ","+field+",") {
			metaFail(w, http.StatusBadRequest, "THApiException", 100, 0, "Tried accessing nonexisting field ("+field+")")
			return
		}
		if value, ok := values[field]; ok {
			body[field] = value
		}
	}
	answer(w, http.StatusOK, body)
}

// look is the status of a container: it takes until the second look.
func (p *threadsPlatform) look(id string) (status string, ok bool) {
	p.state.Lock()
	defer p.state.Unlock()
	container := p.containers[id]
	if container == nil {
		return "", false
	}
	container.looks++
	switch {
	case container.published:
		return "PUBLISHED", true
	case container.looks > 1:
		return "FINISHED", true
	default:
		return "IN_PROGRESS", true
	}
}

const metaTime = "2006-01-02T15:04:05+0000"

func (p *threadsPlatform) render(post Post) map[string]any {
	values := map[string]any{
		"id": post.ID, "media_product_type": "THREADS", "media_type": "TEXT_POST", "permalink": "https://www.threads.net/@" + ThreadsUsername + "/post/" + post.ID,
		"owner": map[string]any{"id": ThreadsUserID}, "username": ThreadsUsername, "text": post.Text, "timestamp": post.CreatedAt.UTC().Format(metaTime),
		"shortcode": post.ID, "is_quote_post": false, "has_replies": p.countReplies(post.ID) > 0,
	}
	if post.ReplyTo != "" {
		values["replied_to"] = map[string]any{"id": post.ReplyTo}
	}
	return values
}

func (p *threadsPlatform) drop(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !p.remove(id) {
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported delete request. Object with ID does not exist")
		return
	}
	answer(w, http.StatusOK, map[string]any{"success": true, "deleted_id": id})
}

func (p *threadsPlatform) insights(w http.ResponseWriter, r *http.Request) {
	query, err := readQuery(r, "metric", "access_token")
	post, ok := p.find(r.PathValue("id"))
	if err != nil || !ok {
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported get request. Object with ID does not exist")
		return
	}
	values := map[string]int64{"views": post.Views, "likes": post.Likes, "replies": post.Replies + p.countReplies(post.ID), "reposts": post.Reposts, "quotes": 0, "shares": 0}
	data := []any{}
	for name := range strings.SplitSeq(query.Get("metric"), ",") {
		value, known := values[name]
		if !known {
			metaBad(w, "metric must be one of views, likes, replies, reposts, quotes, shares")
			return
		}
		data = append(data, map[string]any{
			"name": name, "period": "lifetime", "values": []any{map[string]any{"value": value}}, "title": name, "description": "…", "id": post.ID + "/insights/" + name + "/lifetime",
		})
	}
	answer(w, http.StatusOK, map[string]any{"data": data})
}

func (p *threadsPlatform) list(w http.ResponseWriter, r *http.Request) {
	posts, paging, ok := metaPage(w, r, &p.feed)
	if !ok {
		return
	}
	fields := strings.Split(r.URL.Query().Get("fields"), ",")
	data := []any{}
	for _, post := range posts {
		values, shown := p.render(post), map[string]any{}
		for _, field := range fields {
			if value, ok := values[field]; ok {
				shown[field] = value
			}
		}
		data = append(data, shown)
	}
	answer(w, http.StatusOK, map[string]any{"data": data, "paging": paging})
}

// metaPage is the page that a request asks for. The cursor behind the last post is there even if no page follows; next is
// not.
func metaPage(w http.ResponseWriter, r *http.Request, from *feed) ([]Post, map[string]any, bool) {
	const usual, most = 25, 100
	query, err := readQuery(r, "fields", "limit", "after", "access_token")
	limit := usual
	if err == nil && query.Has("limit") {
		limit, err = strconv.Atoi(query.Get("limit"))
	}
	if err != nil || limit < 1 || limit > most {
		metaBad(w, "limit")
		return nil, nil, false
	}
	posts, more := from.page(query.Get("after"), limit)
	paging := map[string]any{}
	if len(posts) > 0 {
		paging["cursors"] = map[string]any{"before": posts[0].ID, "after": posts[len(posts)-1].ID}
	}
	if more {
		paging["next"] = "http://" + r.Host + r.URL.Path + "?after=" + posts[len(posts)-1].ID
	}
	return posts, paging, true
}
