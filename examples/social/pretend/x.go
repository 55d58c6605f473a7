package pretend

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The account that the pretend X holds, and what an app has for it. Each refresh token is good for one refresh.
const (
	XUserID       = "1780313345512345602"
	XUsername     = "pretend_sheaf"
	XName         = "Pretend Sheaf"
	XToken        = "x-pretend-access-token"
	XRefreshToken = "x-pretend-refresh-token"
	XClientID     = "eC1wcmV0ZW5kLWNsaWVudC1pZA"
)

// xEpoch is the millisecond that the time in an id counts from.
const xEpoch = 1288834974657

// xPost is a post with what X knows besides.
type xPost struct {
	Post
	// sequence tells posts of one time apart, in the order of their arrival.
	sequence int64
	// conversation is the ID of the post that the thread began with.
	conversation  string
	replySettings string
}

// xPlatform is the pretend X, API v2.
type xPlatform struct {
	now func() time.Time
	mux *http.ServeMux

	mu sync.Mutex
	// access holds the tokens that are accepted; a refresh adds one and takes none away, as a real one runs until its time.
	access  map[string]bool
	refresh string
	grants  int64

	sequence counter
	// held is sorted by time and arrival, the oldest first, so that a new post is an append.
	held  []*xPost
	byID  map[string]*xPost
	texts map[string]int
	used  map[string]xWindow
}

func newX(now func() time.Time) *xPlatform {
	p := &xPlatform{
		now: now, mux: http.NewServeMux(), access: map[string]bool{XToken: true}, refresh: XRefreshToken,
		byID: map[string]*xPost{}, texts: map[string]int{}, used: map[string]xWindow{},
	}
	p.mux.HandleFunc("POST /2/oauth2/token", p.token)
	p.mux.HandleFunc("POST /2/tweets", p.signedIn(p.create))
	p.mux.HandleFunc("GET /2/tweets/{id}", p.signedIn(p.get))
	p.mux.HandleFunc("DELETE /2/tweets/{id}", p.signedIn(p.remove))
	p.mux.HandleFunc("GET /2/users/me", p.signedIn(p.me))
	p.mux.HandleFunc("GET /2/users/{id}/tweets", p.signedIn(p.list))
	for _, path := range []string{"/2/oauth2/token", "/2/tweets", "/2/tweets/{id}", "/2/users/me", "/2/users/{id}/tweets"} {
		p.mux.HandleFunc(path, xRefuse(http.StatusMethodNotAllowed))
	}
	p.mux.HandleFunc("/", xRefuse(http.StatusNotFound))
	return p
}

func (p *xPlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// signedIn lets only requests with a living access token reach handle, and counts them.
func (p *xPlatform) signedIn(handle func(*http.Request) xAnswer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !p.accepts(bearer(r)) {
			xStatus(http.StatusUnauthorized).write(w)
			return
		}
		p.count(w.Header(), r)
		handle(r).write(w)
	}
}

func (p *xPlatform) accepts(token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.access[token]
}

func (p *xPlatform) fail(w http.ResponseWriter, r *http.Request, fault Fault) {
	switch fault {
	case ExpiredToken:
		p.expire()
		xStatus(http.StatusUnauthorized).write(w)
	case RateLimited:
		const wait = 45 * time.Second
		xRateHeaders(w.Header(), xLimitOf(r).limit, 0, p.now().Add(wait))
		xStatus(http.StatusTooManyRequests).write(w)
	default:
		xStatus(http.StatusServiceUnavailable).write(w)
	}
}

// expire ends every access token that was given so far.
func (p *xPlatform) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.access)
}

// token is the OAuth 2 endpoint for a public client. It alone needs no access token, and knows errors of its own.
func (p *xPlatform) token(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r, "grant_type", "refresh_token", "client_id")
	if err != nil {
		xRefuseGrant(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	for _, name := range []string{"grant_type", "refresh_token", "client_id"} {
		if form.Get(name) == "" {
			xRefuseGrant(w, http.StatusBadRequest, "invalid_request", "Missing required parameter ["+name+"].")
			return
		}
	}
	switch {
	case form.Get("client_id") != XClientID:
		xRefuseGrant(w, http.StatusUnauthorized, "invalid_client", "Value passed for the client id was invalid.")
	case form.Get("grant_type") != "refresh_token":
		xRefuseGrant(w, http.StatusBadRequest, "unsupported_grant_type", "Value passed for the grant type was invalid.")
	default:
		p.grant(w, form.Get("refresh_token"))
	}
}

// grant exchanges the refresh token for a new pair, which ends it.
func (p *xPlatform) grant(w http.ResponseWriter, sent string) {
	access, refresh, ok := p.rotate(sent)
	if !ok {
		xRefuseGrant(w, http.StatusBadRequest, "invalid_request", "Value passed for the token was invalid.")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	answer(w, http.StatusOK, map[string]any{
		"token_type": "bearer", "expires_in": 7200, "access_token": access, "refresh_token": refresh,
		"scope": "tweet.read tweet.write users.read offline.access",
	})
}

func (p *xPlatform) rotate(sent string) (access, refresh string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sent != p.refresh {
		return "", "", false
	}
	p.grants++
	access, p.refresh = fmt.Sprintf("%s-%d", XToken, p.grants), fmt.Sprintf("%s-%d", XRefreshToken, p.grants)
	p.access[access] = true
	return access, p.refresh, true
}

func xRefuseGrant(w http.ResponseWriter, status int, name, description string) {
	answer(w, status, map[string]any{"error": name, "error_description": description})
}

func (p *xPlatform) seed(posts []Post) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, post := range posts {
		p.held = append(p.held, p.enter(post))
	}
	slices.SortFunc(p.held, func(a, b *xPost) int { return a.key().compare(b.key()) })
}

func (p *xPlatform) posts() []Post {
	p.mu.Lock()
	defer p.mu.Unlock()
	copied := make([]Post, 0, len(p.held))
	for _, post := range slices.Backward(p.held) {
		copied = append(copied, post.Post)
	}
	return copied
}

// enter gives a post its id and makes it known; the caller puts it in its place in held.
func (p *xPlatform) enter(post Post) *xPost {
	entered := &xPost{Post: post, sequence: p.sequence.next(), replySettings: "everyone"}
	entered.ID = xID(post.CreatedAt, entered.sequence)
	entered.conversation = entered.ID
	if parent := p.byID[post.ReplyTo]; parent != nil {
		entered.conversation = parent.conversation
	}
	p.byID[entered.ID] = entered
	p.texts[post.Text]++
	return entered
}

// xID is an id as X makes them: milliseconds, and below them what tells ids of one millisecond apart.
func xID(created time.Time, sequence int64) string {
	const bits = 22
	return decimal(max(0, created.UnixMilli()-xEpoch)<<bits | sequence&(1<<bits-1))
}

// position is where a post with this key is in held, or would be.
func (p *xPlatform) position(key xKey) int {
	at, _ := slices.BinarySearchFunc(p.held, key, func(post *xPost, key xKey) int { return post.key().compare(key) })
	return at
}

// xKey is what posts are sorted by.
type xKey struct{ nanoseconds, sequence int64 }

func (post *xPost) key() xKey { return xKey{post.CreatedAt.UnixNano(), post.sequence} }

func (k xKey) compare(other xKey) int {
	return cmp.Or(cmp.Compare(k.nanoseconds, other.nanoseconds), cmp.Compare(k.sequence, other.sequence))
}

// xLimit is how many requests of one kind a user may make in each quarter of an hour.
type xLimit struct {
	kind  string
	limit int
}

// xWindow is what was counted in one quarter of an hour.
type xWindow struct {
	reset time.Time
	used  int
}

func xLimitOf(r *http.Request) xLimit {
	switch {
	case r.Method == http.MethodPost:
		return xLimit{kind: "create", limit: 100}
	case r.Method == http.MethodDelete:
		return xLimit{kind: "delete", limit: 50}
	case r.URL.Path == "/2/users/me":
		return xLimit{kind: "me", limit: 75}
	case r.PathValue("id") == XUserID:
		return xLimit{kind: "timeline", limit: 900}
	default:
		return xLimit{kind: "lookup", limit: 900}
	}
}

// count says in header what is left. It stops at one: only the fault refuses, so that nothing here runs dry by itself.
func (p *xPlatform) count(header http.Header, r *http.Request) {
	const quarter = 15 * time.Minute
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := xLimitOf(r)
	window := p.used[limit.kind]
	if now := p.now(); !now.Before(window.reset) {
		window = xWindow{reset: now.Add(quarter)}
	}
	window.used++
	p.used[limit.kind] = window
	xRateHeaders(header, limit.limit, max(1, limit.limit-window.used), window.reset)
}

func xRateHeaders(header http.Header, limit, remaining int, reset time.Time) {
	header.Set("X-Rate-Limit-Limit", strconv.Itoa(limit))
	header.Set("X-Rate-Limit-Remaining", strconv.Itoa(remaining))
	header.Set("X-Rate-Limit-Reset", decimal(reset.Unix()))
}
