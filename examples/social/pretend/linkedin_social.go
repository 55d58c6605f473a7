package pretend

import (
	"net/http"
	"slices"
	"strings"
)

// linkedinComment is what a new comment says, which is how LinkedIn has replies.
type linkedinComment struct {
	Actor   string           `json:"actor"`
	Object  string           `json:"object"`
	Message *linkedinMessage `json:"message"`
	Parent  string           `json:"parentComment"`
}

type linkedinMessage struct {
	Text       string `json:"text"`
	Attributes []any  `json:"attributes"`
}

// check finds what is wrong with a comment on the post urn as such.
func (c *linkedinComment) check(urn string) *linkedinAnswer {
	switch {
	case c.Actor == "":
		return linkedinAbsent("/actor")
	case c.Object == "":
		return linkedinAbsent("/object")
	case c.Object != urn:
		return linkedinField("/object", "is not the post of the path")
	case c.Message == nil:
		return linkedinAbsent("/message")
	case strings.TrimSpace(c.Message.Text) == "":
		return linkedinField("/message/text", "is empty")
	case len(c.Message.Attributes) > 0:
		return linkedinField("/message/attributes", "not supported")
	default:
		return nil
	}
}

func (p *linkedinPlatform) comment(r *http.Request) linkedinAnswer {
	if _, bad := linkedinRaw(r); bad != nil {
		return *bad
	}
	urn, bad := linkedinURN(r)
	if bad != nil {
		return *bad
	}
	var sent linkedinComment
	if err := readJSON(r, &sent); err != nil {
		return *linkedinError(http.StatusBadRequest, "", err.Error())
	}
	if bad := sent.check(urn); bad != nil {
		return *bad
	}
	if sent.Actor != LinkedInOrganization {
		return *linkedinDenied(r, "partnerApiSocialActions.CREATE")
	}
	return p.answerWith(urn, &sent)
}

// answerWith adds a comment under the post urn, or under one of its comments.
func (p *linkedinPlatform) answerWith(urn string, sent *linkedinComment) linkedinAnswer {
	p.mu.Lock()
	defer p.mu.Unlock()
	answered := urn
	if sent.Parent != "" {
		answered = linkedinCommentID(urn, sent.Parent)
	}
	parent := p.byID[answered]
	if parent == nil || answered != urn && parent.thread != urn {
		return *linkedinError(http.StatusNotFound, "NOT_FOUND", "Could not find entity "+urn+" "+sent.Parent)
	}
	comment := &linkedinPost{Post: Post{Text: sent.Message.Text, CreatedAt: p.now(), ReplyTo: answered}, thread: urn}
	p.add(comment)
	parent.Replies++
	stamp := map[string]any{"actor": sent.Actor, "time": comment.CreatedAt.UnixMilli()}
	return linkedinAnswer{status: http.StatusCreated, id: comment.ID, body: map[string]any{
		"id": comment.ID, "commentUrn": linkedinCommentURN(urn, comment.ID), "actor": sent.Actor, "object": urn,
		"message": map[string]any{"text": sent.Message.Text, "attributes": []any{}}, "created": stamp, "lastModified": stamp,
	}}
}

func linkedinCommentURN(post, id string) string { return "urn:li:comment:(" + post + "," + id + ")" }

// linkedinCommentID is the id in the URN of a comment on post.
func linkedinCommentID(post, urn string) string {
	id, _ := strings.CutPrefix(urn, "urn:li:comment:("+post+",")
	return strings.TrimSuffix(id, ")")
}

func (p *linkedinPlatform) statistics(r *http.Request) linkedinAnswer {
	raw, bad := linkedinRaw(r, "q", "organizationalEntity", "shares", "ugcPosts")
	if bad != nil {
		return *bad
	}
	entity := linkedinDecoded(raw["organizationalEntity"])
	shares, sharesRead := linkedinList(raw, "shares", "share")
	ugcPosts, ugcPostsRead := linkedinList(raw, "ugcPosts", "ugcPost")
	switch {
	case raw["q"] != "organizationalEntity":
		return *linkedinParameter("q")
	case !strings.HasPrefix(entity, "urn:li:organization:"):
		return *linkedinParameter("organizationalEntity")
	case !sharesRead || len(shares)+len(ugcPosts) == 0:
		return *linkedinParameter("shares")
	case !ugcPostsRead:
		return *linkedinParameter("ugcPosts")
	case entity != LinkedInOrganization:
		return *linkedinDenied(r, "organizationalEntityShareStatistics.FINDER-organizationalEntity")
	default:
		return p.count(slices.Concat(shares, ugcPosts))
	}
}

// linkedinList reads a list of URNs of one kind, in Rest.li's notation: List(urn%3Ali%3Ashare%3A1,urn%3Ali%3Ashare%3A2). What
// belongs to the notation must stand as it is, and what belongs to the URNs must be encoded. No list is an empty one.
func linkedinList(raw map[string]string, name, kind string) (urns []string, ok bool) {
	sent, given := raw[name]
	if !given {
		return nil, true
	}
	inner, begins := strings.CutPrefix(sent, "List(")
	inner, ends := strings.CutSuffix(inner, ")")
	if !begins || !ends {
		return nil, false
	}
	for item := range strings.SplitSeq(inner, ",") {
		urn := linkedinDecoded(item)
		if linkedinKind(urn) != kind {
			return nil, false
		}
		urns = append(urns, urn)
	}
	return urns, true
}

// count answers with the statistics of those of the posts that there are; the others are left out.
func (p *linkedinPlatform) count(urns []string) linkedinAnswer {
	p.mu.Lock()
	defer p.mu.Unlock()
	elements := []any{}
	for _, urn := range urns {
		if post := p.byID[urn]; post != nil {
			elements = append(elements, post.counted())
		}
	}
	return linkedinAnswer{status: http.StatusOK, body: map[string]any{
		"paging": map[string]any{"start": 0, "count": 10, "links": []any{}}, "elements": elements,
	}}
}

// counted is the statistics of a post. Engagement is what readers did for each time that they saw it.
func (post *linkedinPost) counted() map[string]any {
	engagement := 0.0
	if post.Views > 0 {
		engagement = float64(post.Likes+post.Replies+post.Reposts) / float64(post.Views)
	}
	return map[string]any{
		"share": post.ID, "organizationalEntity": LinkedInOrganization, "totalShareStatistics": map[string]any{
			"likeCount": post.Likes, "commentCount": post.Replies, "shareCount": post.Reposts, "clickCount": 0,
			"impressionCount": post.Views, "uniqueImpressionsCount": post.Views, "engagement": engagement,
		},
	}
}

// linkedinUserinfo is OpenID Connect's, which has no version.
func linkedinUserinfo(w http.ResponseWriter, r *http.Request) {
	bad := linkedinToken(r)
	if bad == nil {
		_, bad = linkedinRaw(r)
	}
	if bad != nil {
		bad.write(w)
		return
	}
	given, family, _ := strings.Cut(LinkedInName, " ")
	(&linkedinAnswer{status: http.StatusOK, body: map[string]any{
		"sub": LinkedInSub, "name": LinkedInName, "given_name": given, "family_name": family,
		"picture": "https://media.licdn.com/dms/image/pretend/profile-displayphoto.jpg", "email": "petra@pretend.example",
		"email_verified": true, "locale": map[string]any{"country": "US", "language": "en"},
	}}).write(w)
}

// linkedinRoles are the organizations that the member may post for.
func linkedinRoles(r *http.Request) linkedinAnswer {
	raw, bad := linkedinRaw(r, "q", "role")
	switch {
	case bad != nil:
		return *bad
	case raw["q"] != "roleAssignee":
		return *linkedinParameter("q")
	case raw["role"] != "ADMINISTRATOR":
		return *linkedinParameter("role")
	}
	return linkedinAnswer{status: http.StatusOK, body: map[string]any{
		"paging": map[string]any{"start": 0, "count": 10, "links": []any{}}, "elements": []any{map[string]any{
			"organization": LinkedInOrganization, "role": "ADMINISTRATOR", "roleAssignee": LinkedInPerson, "state": "APPROVED",
		}},
	}}
}
