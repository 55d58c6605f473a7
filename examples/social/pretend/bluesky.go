package pretend

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rivo/uniseg"
)

// The account that the pretend Bluesky has.
const (
	BlueskyDID          = "did:plc:z72i7hdynmk6r22z27h6tvur"
	BlueskyHandle       = "pretend.example"
	BlueskyToken        = "bluesky-pretend-access-jwt"
	BlueskyRefreshToken = "bluesky-pretend-refresh-jwt"
)

const (
	blueskyCollection = "app.bsky.feed.post"
	blueskyGraphemes  = 300
	blueskyBytes      = 3000
)

// blueskyPlatform is a personal data server with its app view: XRPC methods below /xrpc/.
type blueskyPlatform struct {
	feed

	now func() time.Time
	ids counter

	tokens          sync.Mutex
	access, refresh string
	expired         bool
	grants          int
}

func newBluesky(now func() time.Time) *blueskyPlatform {
	return &blueskyPlatform{now: now, ids: counter{last: 1 << 40}, access: BlueskyToken, refresh: BlueskyRefreshToken}
}

func (p *blueskyPlatform) seed(posts []Post) {
	for i := range posts {
		posts[i].ID = p.newURI()
	}
	p.add(posts...)
}

// newURI is the URI of a new record, whose last segment is a sortable key.
func (p *blueskyPlatform) newURI() string {
	return "at://" + BlueskyDID + "/" + blueskyCollection + "/3" + strconv.FormatInt(p.ids.next(), 32)
}

func (p *blueskyPlatform) posts() []Post { return p.all() }

func blueskyFail(w http.ResponseWriter, status int, name, message string) {
	answer(w, status, map[string]any{"error": name, "message": message})
}

func blueskyBad(w http.ResponseWriter, message string) {
	blueskyFail(w, http.StatusBadRequest, "InvalidRequest", message)
}

func (p *blueskyPlatform) fail(w http.ResponseWriter, _ *http.Request, fault Fault) {
	switch fault {
	case ExpiredToken:
		p.tokens.Lock()
		p.expired = true
		p.tokens.Unlock()
		blueskyFail(w, http.StatusBadRequest, "ExpiredToken", "Token has expired")
	case RateLimited:
		const wait = 50 * time.Second
		w.Header().Set("Ratelimit-Limit", "5000")
		w.Header().Set("Ratelimit-Remaining", "0")
		w.Header().Set("Ratelimit-Reset", decimal(p.now().Add(wait).Unix()))
		w.Header().Set("Ratelimit-Policy", "5000;w=3600")
		blueskyFail(w, http.StatusTooManyRequests, "RateLimitExceeded", "Rate Limit Exceeded")
	default:
		blueskyFail(w, http.StatusInternalServerError, "InternalServerError", "Internal Server Error")
	}
}

// ServeHTTP implements http.Handler.
func (p *blueskyPlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, found := strings.CutPrefix(r.URL.Path, "/xrpc/")
	if name == "com.atproto.server.refreshSession" && r.Method == http.MethodPost {
		p.refreshSession(w, r)
		return
	}
	methods := map[string]http.HandlerFunc{
		"POST com.atproto.repo.createRecord": p.createRecord, "POST com.atproto.repo.deleteRecord": p.deleteRecord,
		"GET com.atproto.repo.getRecord": p.getRecord, "GET com.atproto.identity.resolveHandle": p.resolveHandle,
		"GET app.bsky.feed.getPosts": p.getPosts, "GET app.bsky.feed.getAuthorFeed": p.getAuthorFeed, "GET app.bsky.actor.getProfile": p.getProfile,
	}
	method := methods[r.Method+" "+name]
	switch {
	case !found || method == nil:
		blueskyFail(w, http.StatusNotImplemented, "MethodNotImplemented", "Method Not Implemented")
	case p.admit(w, r):
		method(w, r)
	}
}

func (p *blueskyPlatform) admit(w http.ResponseWriter, r *http.Request) bool {
	p.tokens.Lock()
	defer p.tokens.Unlock()
	switch token := bearer(r); {
	case token == "":
		blueskyFail(w, http.StatusUnauthorized, "AuthMissing", "Authentication Required")
	case token != p.access && !strings.HasPrefix(token, BlueskyToken):
		blueskyFail(w, http.StatusBadRequest, "InvalidToken", "Malformed token")
	case token != p.access || p.expired:
		blueskyFail(w, http.StatusBadRequest, "ExpiredToken", "Token has expired")
	default:
		return true
	}
	return false
}

// refreshSession gives new tokens for a refresh token, which is then used up.
func (p *blueskyPlatform) refreshSession(w http.ResponseWriter, r *http.Request) {
	p.tokens.Lock()
	defer p.tokens.Unlock()
	if bearer(r) != p.refresh {
		blueskyFail(w, http.StatusBadRequest, "ExpiredToken", "Token has been revoked")
		return
	}
	p.grants++
	p.access, p.refresh, p.expired = fmt.Sprintf("%s-%d", BlueskyToken, p.grants), fmt.Sprintf("%s-%d", BlueskyRefreshToken, p.grants), false
	answer(w, http.StatusOK, map[string]any{"accessJwt": p.access, "refreshJwt": p.refresh, "handle": BlueskyHandle, "did": BlueskyDID, "active": true})
}

type blueskyRef struct {
	URI string `json:"uri"`
	CID string `json:"cid"`
}

type blueskyRecord struct {
	Type      string    `json:"$type"`
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"createdAt"`
	Langs     []string  `json:"langs"`
	Reply     *struct {
		Root   blueskyRef `json:"root"`
		Parent blueskyRef `json:"parent"`
	} `json:"reply"`
	Facets []struct {
		Index struct {
			ByteStart int `json:"byteStart"`
			ByteEnd   int `json:"byteEnd"`
		} `json:"index"`
		Features []struct {
			Type string `json:"$type"`
			DID  string `json:"did"`
			URI  string `json:"uri"`
			Tag  string `json:"tag"`
		} `json:"features"`
	} `json:"facets"`
	Embed *struct {
		Type     string `json:"$type"`
		External struct {
			URI         string `json:"uri"`
			Title       string `json:"title"`
			Description string `json:"description"`
		} `json:"external"`
	} `json:"embed"`
}

func (p *blueskyPlatform) createRecord(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Repo       string        `json:"repo"`
		Collection string        `json:"collection"`
		Record     blueskyRecord `json:"record"`
	}
	if err := readJSON(r, &body); err != nil {
		blueskyBad(w, err.Error())
		return
	}
	if body.Repo != BlueskyDID || body.Collection != blueskyCollection {
		blueskyBad(w, "Could not find repo or collection")
		return
	}
	if problem := p.refuse(&body.Record); problem != "" {
		blueskyBad(w, "Invalid app.bsky.feed.post record: "+problem)
		return
	}
	post := Post{ID: p.newURI(), Text: body.Record.Text, CreatedAt: body.Record.CreatedAt}
	if body.Record.Reply != nil {
		post.ReplyTo = body.Record.Reply.Parent.URI
	}
	if body.Record.Embed != nil {
		post.Link = body.Record.Embed.External.URI
	}
	p.add(post)
	answer(w, http.StatusOK, map[string]any{
		"uri": post.ID, "cid": blueskyCID(post.ID), "commit": map[string]any{"cid": blueskyCID("commit"), "rev": "3k4duaz5vfs2c"}, "validationStatus": "valid",
	})
}

// refuse says what is wrong with a record, or "".
func (p *blueskyPlatform) refuse(record *blueskyRecord) string {
	switch {
	case record.Type != blueskyCollection:
		return "Record/$type must be " + blueskyCollection
	case record.CreatedAt.IsZero():
		return "Record must have the property \"createdAt\""
	case len(record.Text) > blueskyBytes:
		return fmt.Sprintf("Record/text must not be longer than %d characters", blueskyBytes)
	case uniseg.GraphemeClusterCount(record.Text) > blueskyGraphemes:
		return fmt.Sprintf("Record/text must not be longer than %d graphemes", blueskyGraphemes)
	case record.Embed != nil && (record.Embed.Type != "app.bsky.embed.external" || record.Embed.External.URI == "" || record.Embed.External.Title == ""):
		return "Record/embed must have the property \"external\""
	case record.Reply != nil && (!p.isRef(record.Reply.Root) || !p.isRef(record.Reply.Parent)):
		return "Record/reply must be a valid strong ref"
	}
	for _, facet := range record.Facets {
		if facet.Index.ByteStart < 0 || facet.Index.ByteEnd > len(record.Text) || facet.Index.ByteStart >= facet.Index.ByteEnd || len(facet.Features) == 0 {
			return "Record/facets must lie within the text"
		}
		for _, feature := range facet.Features {
			given := map[string]string{"mention": feature.DID, "link": feature.URI, "tag": feature.Tag}[strings.TrimPrefix(feature.Type, "app.bsky.richtext.facet#")]
			if given == "" {
				return "Record/facets/features must have a value of its type"
			}
		}
	}
	return ""
}

func (p *blueskyPlatform) isRef(ref blueskyRef) bool {
	_, ok := p.find(ref.URI)
	return ok && ref.CID == blueskyCID(ref.URI)
}

// blueskyCID is a content id of a record.
func blueskyCID(uri string) string { return "bafyrei" + uri[strings.LastIndexByte(uri, '/')+1:] }

func (p *blueskyPlatform) deleteRecord(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Repo       string `json:"repo"`
		Collection string `json:"collection"`
		Rkey       string `json:"rkey"`
	}
	switch err := readJSON(r, &body); {
	case err != nil:
		blueskyBad(w, err.Error())
	case body.Repo != BlueskyDID || body.Collection == "" || body.Rkey == "":
		blueskyBad(w, "Could not find repo")
	default: // deleting what is not there succeeds too
		p.remove("at://" + body.Repo + "/" + body.Collection + "/" + body.Rkey)
		answer(w, http.StatusOK, map[string]any{"commit": map[string]any{"cid": blueskyCID("commit"), "rev": "3k4duaz5vfs2d"}})
	}
}

func (p *blueskyPlatform) getRecord(w http.ResponseWriter, r *http.Request) {
	query, err := readQuery(r, "repo", "collection", "rkey")
	if err != nil {
		blueskyBad(w, err.Error())
		return
	}
	post, ok := p.find("at://" + query.Get("repo") + "/" + query.Get("collection") + "/" + query.Get("rkey"))
	if !ok {
		blueskyFail(w, http.StatusBadRequest, "RecordNotFound", "Could not locate record")
		return
	}
	answer(w, http.StatusOK, map[string]any{"uri": post.ID, "cid": blueskyCID(post.ID), "value": p.record(post)})
}

// record is a post as it is stored. A reply's root is that of its parent, or the parent itself.
func (p *blueskyPlatform) record(post Post) map[string]any {
	record := map[string]any{"$type": blueskyCollection, "text": post.Text, "createdAt": post.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z")}
	if post.ReplyTo != "" {
		root := post.ReplyTo
		for parent, ok := p.find(root); ok && parent.ReplyTo != ""; parent, ok = p.find(root) {
			root = parent.ReplyTo
		}
		ref := func(uri string) any { return map[string]any{"uri": uri, "cid": blueskyCID(uri)} }
		record["reply"] = map[string]any{"root": ref(root), "parent": ref(post.ReplyTo)}
	}
	return record
}

func (p *blueskyPlatform) view(post Post) map[string]any {
	return map[string]any{
		"uri": post.ID, "cid": blueskyCID(post.ID), "author": map[string]any{"did": BlueskyDID, "handle": BlueskyHandle, "displayName": "Pretend"}, "record": p.record(post),
		"replyCount": post.Replies + p.countReplies(post.ID), "repostCount": post.Reposts, "likeCount": post.Likes, "quoteCount": 0, "bookmarkCount": 0,
		"indexedAt": post.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

func (p *blueskyPlatform) resolveHandle(w http.ResponseWriter, r *http.Request) {
	query, err := readQuery(r, "handle")
	if err != nil || !strings.HasSuffix(query.Get("handle"), ".example") {
		blueskyBad(w, "Unable to resolve handle")
		return
	}
	answer(w, http.StatusOK, map[string]any{"did": "did:plc:" + strings.TrimSuffix(query.Get("handle"), ".example")})
}

// getPosts leaves out what it does not find.
func (p *blueskyPlatform) getPosts(w http.ResponseWriter, r *http.Request) {
	const most = 25
	query, err := readQuery(r, "uris")
	if err != nil || len(query["uris"]) == 0 || len(query["uris"]) > most {
		blueskyBad(w, "Error: Params must have the property \"uris\"")
		return
	}
	found := []any{}
	for _, uri := range query["uris"] {
		if post, ok := p.find(uri); ok {
			found = append(found, p.view(post))
		}
	}
	answer(w, http.StatusOK, map[string]any{"posts": found})
}

func (p *blueskyPlatform) getAuthorFeed(w http.ResponseWriter, r *http.Request) {
	const usual, most = 50, 100
	query, err := readQuery(r, "actor", "limit", "cursor", "filter")
	limit := usual
	if err == nil && query.Has("limit") {
		limit, err = strconv.Atoi(query.Get("limit"))
	}
	if err != nil || limit < 1 || limit > most || query.Get("actor") != BlueskyDID {
		blueskyBad(w, "Error: limit or actor is not valid")
		return
	}
	posts, more := p.page(query.Get("cursor"), limit)
	feed := make([]any, len(posts))
	for i, post := range posts {
		feed[i] = map[string]any{"post": p.view(post)}
	}
	body := map[string]any{"feed": feed}
	if more {
		body["cursor"] = posts[len(posts)-1].ID
	}
	answer(w, http.StatusOK, body)
}

func (p *blueskyPlatform) getProfile(w http.ResponseWriter, r *http.Request) {
	query, err := readQuery(r, "actor")
	if err != nil || query.Get("actor") != BlueskyDID {
		blueskyBad(w, "Profile not found")
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"did": BlueskyDID, "handle": BlueskyHandle, "displayName": "Pretend", "description": "Posts that nobody reads.", "avatar": "https://cdn.example/avatar.jpg",
		"followersCount": 4021, "followsCount": 7, "postsCount": len(p.all()), "createdAt": "2023-04-12T04:53:57.057Z", "indexedAt": "2024-01-20T05:04:43.000Z",
	})
}
