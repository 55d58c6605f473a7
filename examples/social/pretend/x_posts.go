package pretend

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// xCreate is what a new post may say here. Media, polls and quotes are not pretended, and refused as unknown fields are.
type xCreate struct {
	Text            string  `json:"text"`
	Reply           *xReply `json:"reply"`
	ReplySettings   string  `json:"reply_settings"`
	MadeWithAI      bool    `json:"made_with_ai"`
	PaidPartnership bool    `json:"paid_partnership"`
}

type xReply struct {
	InReplyTo      string   `json:"in_reply_to_tweet_id"`
	ExcludeUserIDs []string `json:"exclude_reply_user_ids"`
}

// xReplySettings are who may reply; without one, everyone may.
var xReplySettings = []string{"", "following", "mentionedUsers", "subscribers", "verified"}

// check finds what is wrong with a new post as such, whatever posts there are.
func (c *xCreate) check() *xAnswer {
	const tooLong = "Your Tweet text is too long. For more information on how Twitter determines text length see " +
		"https://github.com/twitter/twitter-text."
	switch {
	case strings.TrimSpace(c.Text) == "":
		return xInvalid("text", c.Text, "The `text` field is required and must not be empty.")
	case xWeight(c.Text) > xLongest:
		return xInvalid("text", c.Text, tooLong)
	case !slices.Contains(xReplySettings, c.ReplySettings):
		return xInvalid("reply_settings", c.ReplySettings,
			"[$.reply_settings: does not have a value in the enumeration [following, mentionedUsers, subscribers, verified]]")
	case c.Reply != nil:
		return c.Reply.check()
	default:
		return nil
	}
}

func (y *xReply) check() *xAnswer {
	const name, excluded = "reply.in_reply_to_tweet_id", "reply.exclude_reply_user_ids"
	if !xIsID(y.InReplyTo) {
		return xInvalid(name, y.InReplyTo, "[$."+name+": does not match the regex pattern ^[0-9]{1,19}$]")
	}
	for _, id := range y.ExcludeUserIDs {
		if !xIsID(id) {
			return xInvalid(excluded, id, "[$."+excluded+": does not match the regex pattern ^[0-9]{1,19}$]")
		}
	}
	return nil
}

func (p *xPlatform) create(r *http.Request) xAnswer {
	if _, bad := xQuery(r); bad != nil {
		return *bad
	}
	var sent xCreate
	if err := readJSON(r, &sent); err != nil {
		return *xInvalid("", "", err.Error())
	}
	if bad := sent.check(); bad != nil {
		return *bad
	}
	return p.publish(&sent)
}

func (p *xPlatform) publish(sent *xCreate) xAnswer {
	p.mu.Lock()
	defer p.mu.Unlock()
	post := Post{Text: sent.Text, CreatedAt: p.now()}
	if sent.Reply != nil {
		post.ReplyTo = sent.Reply.InReplyTo
	}
	if post.ReplyTo != "" && p.byID[post.ReplyTo] == nil {
		return xProblem(http.StatusForbidden, "You attempted to reply to a Tweet that is deleted or not visible to you.")
	}
	if p.texts[post.Text] > 0 {
		return xProblem(http.StatusForbidden, "You are not allowed to create a Tweet with duplicate content.")
	}
	added := p.place(p.enter(post))
	if sent.ReplySettings != "" {
		added.replySettings = sent.ReplySettings
	}
	return xAnswer{status: http.StatusCreated, body: map[string]any{"data": added.shown(nil)}}
}

// place puts a post among the others, and counts it for the one that it answers.
func (p *xPlatform) place(post *xPost) *xPost {
	p.held = slices.Insert(p.held, p.position(post.key()), post)
	if parent := p.byID[post.ReplyTo]; parent != nil {
		parent.Replies++
	}
	return post
}

func (p *xPlatform) remove(r *http.Request) xAnswer {
	if _, bad := xQuery(r); bad != nil {
		return *bad
	}
	id := r.PathValue("id")
	if !xIsID(id) {
		return *xBadValue("id", id, "is not valid")
	}
	return xAnswer{status: http.StatusOK, body: map[string]any{"data": map[string]any{"deleted": p.take(id)}}}
}

// take removes a post, if there is one with that id.
func (p *xPlatform) take(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	post := p.byID[id]
	if post == nil {
		return false
	}
	delete(p.byID, id)
	at := p.position(post.key())
	p.held = slices.Delete(p.held, at, at+1)
	p.texts[post.Text]--
	if parent := p.byID[post.ReplyTo]; parent != nil {
		parent.Replies--
	}
	return true
}

func (p *xPlatform) get(r *http.Request) xAnswer {
	query, bad := xQuery(r, "tweet.fields", "user.fields", "expansions")
	if bad != nil {
		return *bad
	}
	id := r.PathValue("id")
	if !xIsID(id) {
		return *xBadValue("id", id, "is not valid")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	post := p.byID[id]
	if post == nil {
		return xMissing("tweet", id)
	}
	body := map[string]any{"data": post.shown(xNames(query, "tweet.fields"))}
	p.expand(body, query, []*xPost{post})
	return xAnswer{status: http.StatusOK, body: body}
}

// shown is a post as X answers with it: three fields always, and those that were asked for, where the post has them.
func (post *xPost) shown(fields []string) map[string]any {
	shown := map[string]any{"id": post.ID, "text": post.Text, "edit_history_tweet_ids": []string{post.ID}}
	for _, field := range fields {
		if value, ok := post.field(field); ok {
			shown[field] = value
		}
	}
	return shown
}

// field is one of the fields that are answered only where they are asked for.
func (post *xPost) field(name string) (any, bool) {
	switch name {
	case "author_id":
		return XUserID, true
	case "conversation_id":
		return post.conversation, true
	case "created_at":
		return xTime(post.CreatedAt), true
	case "in_reply_to_user_id":
		return XUserID, post.ReplyTo != ""
	case "lang":
		return "und", true
	case "possibly_sensitive":
		return false, true
	case "public_metrics":
		return map[string]any{
			"retweet_count": post.Reposts, "reply_count": post.Replies, "like_count": post.Likes, "quote_count": 0,
			"bookmark_count": 0, "impression_count": post.Views,
		}, true
	case "referenced_tweets":
		return []any{map[string]any{"type": "replied_to", "id": post.ReplyTo}}, post.ReplyTo != ""
	case "reply_settings":
		return post.replySettings, true
	default:
		return nil, false
	}
}

func xTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
