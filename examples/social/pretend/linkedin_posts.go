package pretend

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// linkedinCreate is what a new post may say here. Media, polls and reshares are not pretended, and refused as unknown fields
// are.
type linkedinCreate struct {
	Author         string                `json:"author"`
	Commentary     *string               `json:"commentary"`
	Visibility     string                `json:"visibility"`
	Distribution   *linkedinDistribution `json:"distribution"`
	Content        *linkedinContent      `json:"content"`
	LifecycleState string                `json:"lifecycleState"`
	NoReshares     bool                  `json:"isReshareDisabledByAuthor"`
}

type linkedinDistribution struct {
	Feed     string `json:"feedDistribution"`
	Targets  []any  `json:"targetEntities"`
	Channels []any  `json:"thirdPartyDistributionChannels"`
}

type linkedinContent struct {
	Article *linkedinArticle `json:"article"`
}

type linkedinArticle struct {
	Source      string `json:"source"`
	Thumbnail   string `json:"thumbnail,omitempty"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

// check finds what is wrong with a new post as such, whatever posts there are.
func (c *linkedinCreate) check() *linkedinAnswer {
	if bad := c.checkSchema(); bad != nil {
		return bad
	}
	return cmp.Or(c.checkContent(), c.checkCommentary())
}

func (c *linkedinCreate) checkSchema() *linkedinAnswer {
	switch {
	case c.Author == "":
		return linkedinAbsent("/author")
	case c.Commentary == nil:
		return linkedinAbsent("/commentary")
	case c.Distribution == nil:
		return linkedinAbsent("/distribution")
	case len(c.Distribution.Targets) > 0:
		return linkedinField("/distribution/targetEntities", "audience is too small")
	case len(c.Distribution.Channels) > 0:
		return linkedinField("/distribution/thirdPartyDistributionChannels", "unknown channel")
	}
	return cmp.Or(
		linkedinSymbol("/visibility", c.Visibility, "PUBLIC", "CONNECTIONS", "LOGGED_IN"),
		linkedinSymbol("/lifecycleState", c.LifecycleState, "PUBLISHED"),
		linkedinSymbol("/distribution/feedDistribution", c.Distribution.Feed, "MAIN_FEED", "NONE"),
	)
}

// linkedinSymbol checks a field that holds one of a few words.
func linkedinSymbol(path, value string, symbols ...string) *linkedinAnswer {
	switch {
	case value == "":
		return linkedinAbsent(path)
	case !slices.Contains(symbols, value):
		return linkedinField(path, fmt.Sprintf("%q is not an enum symbol", value))
	default:
		return nil
	}
}

func (c *linkedinCreate) checkContent() *linkedinAnswer {
	switch {
	case c.Content == nil:
		return nil
	case c.Content.Article == nil:
		return linkedinField("/content", "union has no member")
	case c.Content.Article.Source == "":
		return linkedinAbsent("/content/article/source")
	case !linkedinIsAddress(c.Content.Article.Source):
		return linkedinField("/content/article/source", "is not a URL")
	case c.Content.Article.Title == "":
		return linkedinAbsent("/content/article/title")
	case c.Content.Article.Thumbnail != "":
		return linkedinField("/content/article/thumbnail", "no such image")
	default:
		return nil
	}
}

func linkedinIsAddress(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && parsed.Host != "" && (parsed.Scheme == "https" || parsed.Scheme == "http")
}

// checkCommentary counts what a reader sees. Only a post that shows an article may be without words.
func (c *linkedinCreate) checkCommentary() *linkedinAnswer {
	const longest, prefix = 3000, "com.linkedin.content.common.exception.BadRequestResponseException: "
	length := utf8.RuneCountInString(linkedinPlain(*c.Commentary))
	switch {
	case length > longest:
		return linkedinInput(http.StatusBadRequest, "FIELD_ARRAY_SIZE_TOO_HIGH", "Size of array cannot be higher than the maxLength",
			fmt.Sprintf("%sShareCommentary text length (%d characters) exceeded the maximum allowed (%d characters)", prefix, length, longest))
	case strings.TrimSpace(*c.Commentary) == "" && c.Content == nil:
		return linkedinInput(http.StatusBadRequest, "MISSING_FIELD", "Commentary is empty", prefix+"Post has neither commentary nor content")
	default:
		return nil
	}
}

func (p *linkedinPlatform) create(r *http.Request) linkedinAnswer {
	if _, bad := linkedinRaw(r); bad != nil {
		return *bad
	}
	var sent linkedinCreate
	if err := readJSON(r, &sent); err != nil {
		return *linkedinError(http.StatusBadRequest, "", err.Error())
	}
	if bad := sent.check(); bad != nil {
		return *bad
	}
	if sent.Author != LinkedInOrganization {
		return *linkedinDenied(r, "partnerApiPostsExternal.CREATE")
	}
	return p.publish(&sent)
}

func (p *linkedinPlatform) publish(sent *linkedinCreate) linkedinAnswer {
	p.mu.Lock()
	defer p.mu.Unlock()
	post := &linkedinPost{
		Post: Post{Text: linkedinPlain(*sent.Commentary), CreatedAt: p.now()}, commentary: *sent.Commentary,
		visibility: sent.Visibility, feed: sent.Distribution.Feed, noReshares: sent.NoReshares,
	}
	if sent.Content != nil {
		post.article = sent.Content.Article
		post.Link = post.article.Source
	}
	if existing := p.contents[post.content()]; existing != "" {
		return *linkedinInput(http.StatusUnprocessableEntity, "DUPLICATE_POST", "Duplicate post is detected",
			"com.linkedin.content.common.exception.BadRequestResponseException: Content is a duplicate of "+existing)
	}
	p.add(post)
	return linkedinAnswer{status: http.StatusCreated, id: post.ID}
}

func (p *linkedinPlatform) get(r *http.Request) linkedinAnswer {
	if _, bad := linkedinRaw(r); bad != nil {
		return *bad
	}
	urn, bad := linkedinURN(r)
	if bad != nil {
		return *bad
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	post := p.byID[urn]
	if post == nil {
		return *linkedinError(http.StatusNotFound, "NOT_FOUND", "Could not find entity "+urn)
	}
	return linkedinAnswer{status: http.StatusOK, body: post.shown()}
}

// shown is a post as LinkedIn answers with it.
func (post *linkedinPost) shown() map[string]any {
	milliseconds := post.CreatedAt.UnixMilli()
	shown := map[string]any{
		"id": post.ID, "author": LinkedInOrganization, "commentary": post.commentary, "visibility": post.visibility,
		"distribution": map[string]any{
			"feedDistribution": post.feed, "targetEntities": []any{}, "thirdPartyDistributionChannels": []any{},
		},
		"lifecycleState": "PUBLISHED", "lifecycleStateInfo": map[string]any{"isEditedByAuthor": false},
		"isReshareDisabledByAuthor": post.noReshares, "createdAt": milliseconds, "publishedAt": milliseconds, "lastModifiedAt": milliseconds,
	}
	if post.article != nil {
		article := *post.article
		shown["content"] = map[string]any{"article": article}
	}
	return shown
}

// remove deletes a post. It is idempotent: that there is none is as good as that it is gone.
func (p *linkedinPlatform) remove(r *http.Request) linkedinAnswer {
	if _, bad := linkedinRaw(r); bad != nil {
		return *bad
	}
	urn, bad := linkedinURN(r)
	if bad != nil {
		return *bad
	}
	p.take(urn)
	return linkedinAnswer{status: http.StatusNoContent}
}

// take removes a post and the comments under it.
func (p *linkedinPlatform) take(urn string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	post := p.byID[urn]
	if post == nil {
		return
	}
	delete(p.byID, urn)
	if p.contents[post.content()] == urn {
		delete(p.contents, post.content())
	}
	p.shares = slices.DeleteFunc(p.shares, func(share *linkedinPost) bool { return share == post })
	p.comments = slices.DeleteFunc(p.comments, func(comment *linkedinPost) bool {
		if comment.thread == urn {
			delete(p.byID, comment.ID)
		}
		return comment.thread == urn
	})
}

// linkedinPaging is the part of a list that was asked for.
type linkedinPaging struct{ start, count int }

func linkedinReadPaging(raw map[string]string) (linkedinPaging, *linkedinAnswer) {
	const most = 100
	paging := linkedinPaging{count: 10}
	for name, target := range map[string]*int{"start": &paging.start, "count": &paging.count} {
		sent, given := raw[name]
		if !given {
			continue
		}
		number, err := strconv.Atoi(sent)
		if err != nil || number < 0 {
			return paging, linkedinParameter(name)
		}
		*target = number
	}
	if paging.count < 1 || paging.count > most {
		return paging, linkedinParameter("count")
	}
	return paging, nil
}

func (p *linkedinPlatform) list(r *http.Request) linkedinAnswer {
	raw, bad := linkedinRaw(r, "q", "author", "start", "count", "sortBy")
	if bad != nil {
		return *bad
	}
	author := linkedinDecoded(raw["author"])
	if bad := linkedinCheckList(raw, author); bad != nil {
		return *bad
	}
	paging, bad := linkedinReadPaging(raw)
	if bad != nil {
		return *bad
	}
	if author != LinkedInOrganization {
		return *linkedinDenied(r, "partnerApiPostsExternal.FINDER-author")
	}
	return p.page(paging, r.URL.Query())
}

func linkedinCheckList(raw map[string]string, author string) *linkedinAnswer {
	sort, sorted := raw["sortBy"]
	switch {
	case raw["q"] != "author":
		return linkedinParameter("q")
	case !strings.HasPrefix(author, "urn:li:organization:") && !strings.HasPrefix(author, "urn:li:person:"):
		return linkedinParameter("author")
	case sorted && sort != "LAST_MODIFIED" && sort != "CREATED": // which are the same: nothing here is ever edited
		return linkedinParameter("sortBy")
	default:
		return nil
	}
}

// page is some of the posts, the newest first. Comments are not among them.
func (p *linkedinPlatform) page(paging linkedinPaging, query url.Values) linkedinAnswer {
	p.mu.Lock()
	defer p.mu.Unlock()
	elements, links := []any{}, []any{}
	end := len(p.shares) - min(paging.start, len(p.shares))
	begin := max(0, end-paging.count)
	for _, post := range slices.Backward(p.shares[begin:end]) {
		elements = append(elements, post.shown())
	}
	if begin > 0 {
		query.Set("start", strconv.Itoa(paging.start+paging.count))
		query.Set("count", strconv.Itoa(paging.count))
		links = append(links, map[string]any{"rel": "next", "href": "/rest/posts?" + query.Encode(), "type": "application/json"})
	}
	return linkedinAnswer{status: http.StatusOK, body: map[string]any{
		"paging": map[string]any{"start": paging.start, "count": paging.count, "links": links}, "elements": elements,
	}}
}
