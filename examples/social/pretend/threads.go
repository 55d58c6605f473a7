package pretend

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// The account that the pretend Threads has.
const (
	ThreadsUserID   = "17841405793187218"
	ThreadsUsername = "pretend.threads"
	ThreadsToken    = "THpretend-access-token"
)

const (
	// threadsMaxText is the longest text, as threadsLength counts it.
	threadsMaxText = 500
	// threadsContainerLife is how long a container can be published.
	threadsContainerLife = 24 * time.Hour
)

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
	made  time.Time
	looks int
	// missed is set once publishing it too early was refused.
	missed, published bool
}

// status is FINISHED from the second look on, or once a client has come too early: the error for that is to be retried.
func (c *threadsContainer) status(now time.Time) string {
	switch {
	case c.published:
		return "PUBLISHED"
	case now.Sub(c.made) >= threadsContainerLife:
		return "EXPIRED"
	case c.looks > 1 || c.missed:
		return "FINISHED"
	default:
		return "IN_PROGRESS"
	}
}

// threadsLength counts characters, but bytes of UTF-8 where they make up an emoji.
func threadsLength(text string) int {
	const joiner, variation = '\u200d', '\ufe0f'
	length := 0
	for _, char := range text {
		skin := char >= '\U0001f3fb' && char <= '\U0001f3ff'
		if skin || char == joiner || char == variation || unicode.Is(unicode.So, char) {
			length += utf8.RuneLen(char)
			continue
		}
		length++
	}
	return length
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
		w.Header().Set("X-App-Usage", `{"call_count":100,"total_time":25,"total_cputime":25}`)
		metaFail(w, http.StatusBadRequest, "OAuthException", 4, 0, "Application request limit reached")
	default:
		answer(w, http.StatusInternalServerError, map[string]any{"error": map[string]any{
			"message": "An unexpected error has occurred. Please retry your request later.", "type": "OAuthException", "code": 2, "is_transient": true, "fbtrace_id": "AbCdEfGhIjKlMnOp",
		}})
	}
}

// ServeHTTP implements http.Handler.
func (p *threadsPlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A header with the token is not known to work, so that only the parameter counts.
	if err := r.ParseForm(); err != nil {
		metaBad(w, err.Error())
		return
	}
	p.state.Lock()
	token := r.Form.Get("access_token")
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
	if p.expired { // only a token that still holds is refreshed
		metaExpired(w)
		return
	}
	const lifetime = 5183944
	p.grants++
	p.access = fmt.Sprintf("%s-%d", ThreadsToken, p.grants)
	answer(w, http.StatusOK, map[string]any{"access_token": p.access, "token_type": "bearer", "expires_in": lifetime})
}

// threadsParams are the parameters of a POST, which may stand in the query or in a form, but each in one of them only.
func threadsParams(r *http.Request, allowed ...string) (url.Values, error) {
	allowed = append(allowed, "access_token")
	params, err := readQuery(r, allowed...)
	if err != nil || r.ContentLength == 0 {
		return params, err
	}
	form, err := readForm(r, allowed...)
	if err != nil {
		return form, err
	}
	for name, given := range form {
		params[name] = append(params[name], given...)
	}
	return params, onlyNamed(params, allowed)
}

func (p *threadsPlatform) isUser(id string) bool { return id == ThreadsUserID || id == "me" }

func (p *threadsPlatform) create(w http.ResponseWriter, r *http.Request) {
	form, err := threadsParams(r, "media_type", "text", "reply_to_id", "reply_control", "link_attachment")
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
	case threadsLength(form.Get("text")) > threadsMaxText:
		metaFail(w, http.StatusBadRequest, "THApiException", 100, 0, fmt.Sprintf("Param text must be at most %d characters long.", threadsMaxText))
	case form.Has("reply_to_id") && !known:
		metaBad(w, "reply_to_id does not exist")
	default:
		id := decimal(p.ids.next())
		p.state.Lock()
		p.containers[id] = &threadsContainer{made: p.now(), post: Post{Text: form.Get("text"), Link: form.Get("link_attachment"), ReplyTo: form.Get("reply_to_id")}}
		p.state.Unlock()
		answer(w, http.StatusOK, map[string]any{"id": id})
	}
}

// publish makes a container a post. One that is not finished is not found at first, as it happens with the real one.
func (p *threadsPlatform) publish(w http.ResponseWriter, r *http.Request) {
	form, err := threadsParams(r, "creation_id")
	if err != nil {
		metaBad(w, err.Error())
		return
	}
	if !p.isUser(r.PathValue("user")) {
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported post request")
		return
	}
	p.state.Lock()
	defer p.state.Unlock()
	container := p.containers[form.Get("creation_id")]
	if container == nil {
		metaBad(w, "creation_id does not exist")
		return
	}
	switch container.status(p.now()) {
	case "PUBLISHED", "EXPIRED":
		metaBad(w, "creation_id does not exist")
	case "IN_PROGRESS":
		container.missed = true
		answer(w, http.StatusBadRequest, map[string]any{"error": map[string]any{
			"message": "The requested resource does not exist", "type": "OAuthException", "code": 24, "error_subcode": 4279009, "is_transient": false,
			"error_user_title": "Media Not Found", "error_user_msg": "The media cannot be found.", "fbtrace_id": "AbCdEfGhIjKlMnOp",
		}})
	default:
		container.published = true
		container.post.ID, container.post.CreatedAt = decimal(p.ids.next()), p.now()
		p.add(container.post)
		answer(w, http.StatusOK, map[string]any{"id": container.post.ID})
	}
}

// threadsFields are what can be asked of a post; a container knows status, and the user its own.
var (
	threadsPostFields = []string{"id", "media_product_type", "media_type", "media_url", "permalink", "owner", "username", "text", "timestamp", "shortcode", "is_quote_post", "has_replies", "replied_to"}
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

// look is the status of a container: it takes until the second look.
func (p *threadsPlatform) look(id string) (status string, ok bool) {
	p.state.Lock()
	defer p.state.Unlock()
	container := p.containers[id]
	if container == nil {
		return "", false
	}
	container.looks++
	return container.status(p.now()), true
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
	if _, err := readQuery(r, "access_token"); err != nil {
		metaBad(w, err.Error())
		return
	}
	if !p.remove(id) {
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported delete request. Object with ID does not exist")
		return
	}
	answer(w, http.StatusOK, map[string]any{"success": true, "deleted_id": id})
}

func (p *threadsPlatform) insights(w http.ResponseWriter, r *http.Request) {
	query, err := readQuery(r, "metric", "access_token")
	if err != nil {
		metaBad(w, err.Error())
		return
	}
	post, ok := p.find(r.PathValue("id"))
	if !ok {
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
			"name": name, "period": "lifetime", "values": []any{map[string]any{"value": value}}, "title": strings.ToUpper(name[:1]) + name[1:], "description": "…", "id": post.ID + "/insights/" + name + "/lifetime",
		})
	}
	answer(w, http.StatusOK, map[string]any{"data": data})
}

func (p *threadsPlatform) list(w http.ResponseWriter, r *http.Request) {
	if !p.isUser(r.PathValue("user")) {
		metaFail(w, http.StatusBadRequest, "GraphMethodException", 100, 33, "Unsupported get request")
		return
	}
	fields := strings.Split(r.URL.Query().Get("fields"), ",")
	metaList(w, r, &p.feed, func(post Post) (map[string]any, error) { return pickFields(fields, threadsPostFields, p.render(post)) })
}
