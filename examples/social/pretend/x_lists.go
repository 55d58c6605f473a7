package pretend

import (
	"encoding/base32"
	"encoding/binary"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// xCursor is what a pagination token means. It holds the place in time and not a number of posts, so that no post is lost
// or seen twice when others come and go between two pages.
type xCursor struct {
	// newer asks for the posts before the key in the list, which are the newer ones.
	newer bool
	key   xKey
}

// The first byte of a token says where it leads.
const (
	xOlder byte = 'n'
	xNewer byte = 'p'
)

// xEncoding writes tokens in small letters and digits, as X's are.
func xEncoding() *base32.Encoding {
	return base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)
}

func (c xCursor) token() string {
	data := []byte{xOlder}
	if c.newer {
		data[0] = xNewer
	}
	data = binary.BigEndian.AppendUint64(data, uint64(c.key.nanoseconds))
	data = binary.BigEndian.AppendUint64(data, uint64(c.key.sequence))
	return xEncoding().EncodeToString(data)
}

func xParseCursor(token string) (xCursor, bool) {
	data, err := xEncoding().DecodeString(token)
	if err != nil || len(data) != 17 || (data[0] != xOlder && data[0] != xNewer) {
		return xCursor{}, false
	}
	return xCursor{newer: data[0] == xNewer, key: xKey{
		nanoseconds: int64(binary.BigEndian.Uint64(data[1:])), sequence: int64(binary.BigEndian.Uint64(data[9:])),
	}}, true
}

// xTimeline is what a request for a user's posts asks for.
type xTimeline struct {
	count          int
	cursor         *xCursor
	originals      bool
	since, until   int64
	start, end     time.Time
	hasEnd, hasTop bool
}

// xReadTimeline reads the parameters of a timeline, apart from the fields that its posts are to have.
func xReadTimeline(query url.Values) (*xTimeline, *xAnswer) {
	timeline := &xTimeline{count: 10, originals: slices.Contains(xNames(query, "exclude"), "replies")}
	for name := range query {
		if bad := timeline.set(name, query.Get(name)); bad != nil {
			return nil, bad
		}
	}
	return timeline, nil
}

func (l *xTimeline) set(name, value string) *xAnswer {
	const least, most = 5, 100
	var err error
	switch name {
	case "max_results":
		l.count, err = strconv.Atoi(value)
		if err != nil || l.count < least || l.count > most {
			return xBadValue(name, value, "is not between 5 and 100")
		}
	case "pagination_token":
		cursor, ok := xParseCursor(value)
		if !ok {
			return xBadValue(name, value, "is not valid")
		}
		l.cursor = &cursor
	case "since_id", "until_id":
		return l.setID(name, value)
	case "start_time", "end_time":
		return l.setTime(name, value)
	}
	return nil
}

func (l *xTimeline) setID(name, value string) *xAnswer {
	id, err := strconv.ParseInt(value, 10, 64)
	if err != nil || !xIsID(value) {
		return xBadValue(name, value, "is not valid")
	}
	if name == "since_id" {
		l.since = id
	} else {
		l.until, l.hasTop = id, true
	}
	return nil
}

func (l *xTimeline) setTime(name, value string) *xAnswer {
	at, err := time.Parse("2006-01-02T15:04:05Z", value)
	if err != nil {
		return xBadValue(name, value, "is not a valid RFC 3339 date-time")
	}
	if name == "start_time" {
		l.start = at
	} else {
		l.end, l.hasEnd = at, true
	}
	return nil
}

// wants says whether a post is one of those that were asked for.
func (l *xTimeline) wants(post *xPost) bool {
	id, _ := strconv.ParseInt(post.ID, 10, 64) // ids are made here
	switch {
	case l.originals && post.ReplyTo != "":
		return false
	case id <= l.since || l.hasTop && id >= l.until:
		return false
	default:
		return !post.CreatedAt.Before(l.start) && (!l.hasEnd || post.CreatedAt.Before(l.end))
	}
}

func (p *xPlatform) list(r *http.Request) xAnswer {
	query, bad := xQuery(r, "max_results", "pagination_token", "exclude", "since_id", "until_id", "start_time", "end_time",
		"tweet.fields", "user.fields", "expansions")
	if bad != nil {
		return *bad
	}
	id := r.PathValue("id")
	if !xIsID(id) {
		return *xBadValue("id", id, "is not valid")
	}
	timeline, bad := xReadTimeline(query)
	if bad != nil {
		return *bad
	}
	if id != XUserID {
		return xMissing("user", id)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return xAnswer{status: http.StatusOK, body: p.timeline(timeline, query)}
}

// timeline is a page of posts. Without posts it has no data at all, as X does it.
func (p *xPlatform) timeline(asked *xTimeline, query url.Values) map[string]any {
	page := p.page(asked)
	if len(page) == 0 {
		return map[string]any{"meta": map[string]any{"result_count": 0}}
	}
	first, last := page[0], page[len(page)-1]
	meta := map[string]any{"result_count": len(page), "newest_id": first.ID, "oldest_id": last.ID}
	if len(p.walk(asked, p.position(last.key())-1, -1, 1)) > 0 {
		meta["next_token"] = xCursor{key: last.key()}.token()
	}
	if len(p.walk(asked, p.position(first.key())+1, 1, 1)) > 0 {
		meta["previous_token"] = xCursor{newer: true, key: first.key()}.token()
	}
	data := make([]any, 0, len(page))
	for _, post := range page {
		data = append(data, post.shown(xNames(query, "tweet.fields")))
	}
	body := map[string]any{"data": data, "meta": meta}
	p.expand(body, query, page)
	return body
}

// page is the posts of one page, the newest first.
func (p *xPlatform) page(asked *xTimeline) []*xPost {
	switch {
	case asked.cursor == nil:
		return p.walk(asked, len(p.held)-1, -1, asked.count)
	case asked.cursor.newer:
		key := asked.cursor.key
		key.sequence++ // the post of the key itself was on the other page
		page := p.walk(asked, p.position(key), 1, asked.count)
		slices.Reverse(page)
		return page
	default:
		return p.walk(asked, p.position(asked.cursor.key)-1, -1, asked.count)
	}
}

// walk goes from one post to the newer (step 1) or older ones (step -1), until it has found count that are wanted.
func (p *xPlatform) walk(asked *xTimeline, from, step, count int) []*xPost {
	var found []*xPost
	for at := from; at >= 0 && at < len(p.held) && len(found) < count; at += step {
		if asked.wants(p.held[at]) {
			found = append(found, p.held[at])
		}
	}
	return found
}

// expand adds the objects that posts of an answer refer to, where they were asked for.
func (p *xPlatform) expand(body map[string]any, query url.Values, posts []*xPost) {
	includes := map[string]any{}
	expansions := xNames(query, "expansions")
	if slices.Contains(expansions, "author_id") || slices.Contains(expansions, "in_reply_to_user_id") {
		includes["users"] = []any{p.user(xNames(query, "user.fields"))}
	}
	if slices.Contains(expansions, "referenced_tweets.id") {
		var parents []any
		for _, post := range posts {
			if parent := p.byID[post.ReplyTo]; parent != nil {
				parents = append(parents, parent.shown(xNames(query, "tweet.fields")))
			}
		}
		if parents != nil {
			includes["tweets"] = parents
		}
	}
	if len(includes) > 0 {
		body["includes"] = includes
	}
}

func (p *xPlatform) me(r *http.Request) xAnswer {
	query, bad := xQuery(r, "user.fields")
	if bad != nil {
		return *bad
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return xAnswer{status: http.StatusOK, body: map[string]any{"data": p.user(xNames(query, "user.fields"))}}
}

// user is the account, with the fields that were asked for.
func (p *xPlatform) user(fields []string) map[string]any {
	all := map[string]any{
		"created_at": "2024-04-16T19:20:00.000Z", "description": "Posts that nobody reads.", "protected": false, "verified": false,
		"verified_type": "none", "profile_image_url": "https://pbs.twimg.com/profile_images/1780313345512345602/pretend_normal.png",
		"url": "", "location": "Nowhere", "public_metrics": map[string]any{
			"followers_count": 1204, "following_count": 87, "tweet_count": len(p.held), "listed_count": 5, "like_count": 310, "media_count": 0,
		},
	}
	shown := map[string]any{"id": XUserID, "name": XName, "username": XUsername}
	for _, field := range fields {
		if value, ok := all[field]; ok {
			shown[field] = value
		}
	}
	return shown
}

// xNames is a list parameter's items.
func xNames(query url.Values, name string) []string {
	if query.Get(name) == "" {
		return nil
	}
	return strings.Split(query.Get(name), ",")
}
