package pretend

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

var linkedinFinder = "/rest/posts?q=author&author=" + url.QueryEscape(LinkedInOrganization)

// seed adds count posts, a minute apart, the oldest first.
func (b *linkedinBench) seed(count int) {
	posts := make([]Post, count)
	for i := range posts {
		posts[i] = Post{Text: fmt.Sprint("post ", i), CreatedAt: linkedinStart().Add(time.Duration(i-count) * time.Minute)}
	}
	b.world.Seed("linkedin", posts)
}

func (b *linkedinBench) heldIDs() []string {
	var ids []string
	for _, post := range b.world.Posts("linkedin") {
		ids = append(ids, post.ID)
	}
	return ids
}

// ids are the ids of a page.
func (g linkedinGot) ids() []string {
	var ids []string
	elements, _ := g.body["elements"].([]any)
	for _, post := range elements {
		ids = append(ids, post.(map[string]any)["id"].(string))
	}
	return ids
}

func TestLinkedInList(t *testing.T) {
	b := newLinkedInBench(t)
	b.seed(25)
	var seen []string
	var sizes []int
	for target := linkedinFinder + "&count=10&start=0&sortBy=CREATED"; target != ""; {
		got := b.send("FINDER", target, "")
		b.want(got, 200, map[string]any{"paging.start": float64(len(seen)), "paging.count": 10.0})
		seen, sizes = append(seen, got.ids()...), append(sizes, len(got.ids()))
		target, _ = got.at("paging.links.0.href").(string)
		if target != "" {
			b.want(got, 200, map[string]any{"paging.links.0.rel": "next", "paging.links.0.type": "application/json"})
		}
	}
	if !slices.Equal(seen, b.heldIDs()) || !slices.Equal(sizes, []int{10, 10, 5}) {
		t.Errorf("pages of %v hold %v, want %v", sizes, seen, b.heldIDs())
	}
	for query, want := range map[string]int{"": 10, "&count=100": 25, "&start=20&count=5": 5, "&start=25": 0, "&start=1000&sortBy=LAST_MODIFIED": 0} {
		got := b.send("FINDER", linkedinFinder+query, "")
		if got.status != 200 || len(got.ids()) != want || got.at("paging.links") == nil || got.at("elements") == nil {
			t.Errorf("%q answers %d with %d posts, want %d: %s", query, got.status, len(got.ids()), want, got.text)
		}
	}
}

func TestLinkedInListOrder(t *testing.T) {
	b := newLinkedInBench(t)
	first := b.post("first")
	second := b.post("second")
	b.world.Seed("linkedin", []Post{
		{Text: "future", CreatedAt: linkedinStart().Add(time.Hour)}, {Text: "past", CreatedAt: linkedinStart().Add(-time.Hour)},
	})
	third := b.post("third")
	ids := b.send("FINDER", linkedinFinder, "").ids()
	if len(ids) != 5 || !slices.Equal(ids[1:4], []string{third, second, first}) {
		t.Errorf("the list is %v, want %v within", ids, []string{third, second, first})
	}
	if !slices.Equal(ids, b.heldIDs()) {
		t.Errorf("the list is %v, want %v", ids, b.heldIDs())
	}
}

func TestLinkedInListRefuses(t *testing.T) {
	author := "author=" + url.QueryEscape(LinkedInOrganization)
	for query, field := range map[string]string{
		author:                "q",
		"q=authors&" + author: "q",
		"q=author":            "author",
		"q=author&author=me":  "author",
		"q=author&author=" + LinkedInOrganization: "author",
		"q=author&count=101&" + author:            "count",
		"q=author&count=0&" + author:              "count",
		"q=author&count=ten&" + author:            "count",
		"q=author&start=-1&" + author:             "start",
		"q=author&sortBy=NEWEST&" + author:        "sortBy",
	} {
		t.Run(query, func(t *testing.T) {
			b := newLinkedInBench(t)
			b.want(b.send("FINDER", "/rest/posts?"+query, ""), 400, map[string]any{
				"errorDetails.inputErrors.0.code": "PARAM_INVALID", "errorDetails.inputErrors.0.input.inputPath.fieldPath": field,
			})
		})
	}
	t.Run("others", func(t *testing.T) {
		b := newLinkedInBench(t)
		b.want(b.send("GET", linkedinFinder, ""), 400, map[string]any{"message": "X-RestLi-Method is '', not 'FINDER'"})
		b.want(b.send("FINDER", linkedinFinder+"&cursor=1", ""), 400, map[string]any{"errorDetails.inputErrors.0.code": "QUERY_PARAM_NOT_ALLOWED"})
		b.want(b.send("FINDER", "/rest/posts?q=author&author="+url.QueryEscape(LinkedInPerson), ""), 403,
			map[string]any{"status": 403.0, "serviceErrorCode": 100.0, "code": "ACCESS_DENIED"})
	})
}

// linkedinCommentBody is a comment's JSON on a post, with one field changed.
func linkedinCommentBody(urn, name string, value any) string {
	body := map[string]any{"actor": LinkedInOrganization, "object": urn, "message": map[string]any{"text": "I (agree)"}}
	if name != "" {
		body[name] = value
	}
	text, _ := json.Marshal(body)
	return string(text)
}

func linkedinCommentPath(urn string) string {
	return "/rest/socialActions/" + url.QueryEscape(urn) + "/comments"
}

func TestLinkedInComment(t *testing.T) {
	b := newLinkedInBench(t)
	urn := b.post("a post")
	first := b.send("POST", linkedinCommentPath(urn), linkedinCommentBody(urn, "", nil))
	id := first.header.Get("X-Restli-Id")
	b.want(first, 201, map[string]any{
		"id": id, "actor": LinkedInOrganization, "object": urn, "message.text": "I (agree)", "commentUrn": "urn:li:comment:(" + urn + "," + id + ")",
		"created": map[string]any{"actor": LinkedInOrganization, "time": float64(linkedinStart().UnixMilli())},
	})
	second := b.send("POST", linkedinCommentPath(urn), linkedinCommentBody(urn, "parentComment", first.at("commentUrn")))
	b.want(second, 201, nil)
	held := b.world.Posts("linkedin")
	if len(held) != 3 || held[0].ReplyTo != id || held[1].ReplyTo != urn || held[1].Text != "I (agree)" || held[1].Replies != 1 || held[2].Replies != 1 {
		t.Errorf("posts are %+v, want two comments before the post", held)
	}
	if ids := b.send("FINDER", linkedinFinder, "").ids(); !slices.Equal(ids, []string{urn}) {
		t.Errorf("the list is %v, want the post alone", ids)
	}
	b.send("DELETE", linkedinPath(urn), "")
	if held := b.world.Posts("linkedin"); len(held) != 0 {
		t.Errorf("posts are %+v, want none", held)
	}
}

func TestLinkedInCommentRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		field   string
		value   any
		status  int
		message string
	}{
		"no actor":      {"actor", "", 422, "ERROR :: /actor :: field is required"},
		"no object":     {"object", "", 422, "ERROR :: /object :: field is required"},
		"other object":  {"object", "urn:li:share:1", 422, "ERROR :: /object :: is not the post of the path"},
		"no message":    {"message", nil, 422, "ERROR :: /message :: field is required"},
		"empty":         {"message", map[string]any{"text": " "}, 422, "ERROR :: /message/text :: is empty"},
		"attributes":    {"message", map[string]any{"text": "a", "attributes": []any{1}}, 422, "ERROR :: /message/attributes"},
		"other actor":   {"actor", LinkedInPerson, 403, "Not enough permissions"},
		"no parent":     {"parentComment", "urn:li:comment:(urn:li:share:1,2)", 404, "Could not find entity"},
		"unknown field": {"text", "a", 400, `read body: json: unknown field "text"`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLinkedInBench(t)
			urn := b.post("a post")
			got := b.send("POST", linkedinCommentPath(urn), linkedinCommentBody(urn, test.field, test.value))
			b.want(got, test.status, nil)
			if message, _ := got.at("message").(string); !strings.HasPrefix(message, test.message) {
				t.Errorf("message is %q, want %q...", message, test.message)
			}
		})
	}
	t.Run("paths", func(t *testing.T) {
		b := newLinkedInBench(t)
		urn := b.post("a post")
		b.want(b.send("POST", linkedinCommentPath("urn:li:share:1"), linkedinCommentBody("urn:li:share:1", "", nil)), 404, nil)
		b.want(b.send("POST", "/rest/socialActions/"+urn+"/comments", linkedinCommentBody(urn, "", nil)), 400, nil)
		b.want(b.send("POST", linkedinCommentPath(urn)+"?a=b", linkedinCommentBody(urn, "", nil)), 400, nil)
	})
}

var linkedinStatistics = "/rest/organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity=" + url.QueryEscape(LinkedInOrganization)

func TestLinkedInStatistics(t *testing.T) {
	b := newLinkedInBench(t)
	b.world.Seed("linkedin", []Post{
		{Text: "a", CreatedAt: linkedinStart(), Likes: 3, Replies: 2, Reposts: 1, Views: 600}, {Text: "b", CreatedAt: linkedinStart()},
	})
	ids := b.heldIDs()
	seen, unseen := url.QueryEscape(ids[1]), url.QueryEscape(ids[0])
	got := b.send("GET", linkedinStatistics+"&shares=List("+seen+",urn%3Ali%3Ashare%3A1,"+unseen+")&ugcPosts=List(urn%3Ali%3AugcPost%3A1)", "")
	b.want(got, 200, map[string]any{
		"elements.0.share": ids[1], "elements.0.organizationalEntity": LinkedInOrganization,
		"elements.0.totalShareStatistics": map[string]any{
			"likeCount": 3.0, "commentCount": 2.0, "shareCount": 1.0, "clickCount": 0.0, "impressionCount": 600.0,
			"uniqueImpressionsCount": 600.0, "engagement": 0.01,
		},
		"elements.1.share": ids[0], "elements.1.totalShareStatistics.engagement": 0.0, "elements.2": nil,
	})
	b.want(b.send("FINDER", linkedinStatistics+"&ugcPosts=List(urn%3Ali%3AugcPost%3A1)", ""), 200, map[string]any{"elements": []any{}})
}

func TestLinkedInStatisticsRefuses(t *testing.T) {
	for query, field := range map[string]string{
		"":                                       "shares",
		"&shares=urn%3Ali%3Ashare%3A1":           "shares",
		"&shares=List()":                         "shares",
		"&shares=List(urn:li:share:1)":           "shares",
		"&shares=List%28urn%3Ali%3Ashare%3A1%29": "shares",
		"&shares=List(urn%3Ali%3Ashare%3A1%2Curn%3Ali%3Ashare%3A2)":              "shares",
		"&shares=List(urn%3Ali%3AugcPost%3A1)":                                   "shares",
		"&shares=List(urn%3Ali%3Ashare%3A1)&ugcPosts=List(urn%3Ali%3Ashare%3A1)": "ugcPosts",
	} {
		t.Run(query, func(t *testing.T) {
			b := newLinkedInBench(t)
			b.want(b.send("GET", linkedinStatistics+query, ""), 400, map[string]any{
				"errorDetails.inputErrors.0.code": "PARAM_INVALID", "errorDetails.inputErrors.0.input.inputPath.fieldPath": field,
			})
		})
	}
	t.Run("others", func(t *testing.T) {
		b := newLinkedInBench(t)
		const path, shares = "/rest/organizationalEntityShareStatistics?", "&shares=List(urn%3Ali%3Ashare%3A1)"
		b.want(b.send("GET", path+"q=organizationalEntity&organizationalEntity=urn%3Ali%3Aorganization%3A1"+shares, ""), 403, map[string]any{"code": "ACCESS_DENIED"})
		b.want(b.send("GET", path+"q=organizationalEntity&organizationalEntity=1"+shares, ""), 400, nil)
		b.want(b.send("GET", strings.Replace(linkedinStatistics, "q=organizationalEntity&", "", 1)+shares, ""), 400, nil)
		b.want(b.send("GET", linkedinStatistics+shares+"&timeIntervals=1", ""), 400, nil)
	})
}

func TestLinkedInProfile(t *testing.T) {
	b := newLinkedInBench(t)
	const roles = "/rest/organizationAcls?q=roleAssignee&role=ADMINISTRATOR"
	b.want(b.send("FINDER", roles, ""), 200, map[string]any{
		"elements.0.organization": LinkedInOrganization, "elements.0.role": "ADMINISTRATOR", "elements.0.roleAssignee": LinkedInPerson, "elements.1": nil,
	})
	for _, query := range []string{"", "?q=roleAssignee", "?role=ADMINISTRATOR", "?q=roleAssignee&role=VIEWER", "?q=roleAssignee&role=ADMINISTRATOR&a=b"} {
		b.want(b.send("GET", "/rest/organizationAcls"+query, ""), 400, nil)
	}
	b.header["LinkedIn-Version"], b.header["X-Restli-Protocol-Version"] = "", "" // which /v2 does not know
	b.want(b.send("GET", "/v2/userinfo", ""), 200, map[string]any{
		"sub": LinkedInSub, "name": LinkedInName, "given_name": "Petra", "family_name": "Tend", "email": "petra@pretend.example",
		"locale": map[string]any{"country": "US", "language": "en"},
	})
	b.want(b.send("GET", "/v2/userinfo?schema=openid", ""), 400, nil)
	b.want(b.send("POST", "/v2/userinfo", ""), 405, nil)
	b.header["Authorization"] = ""
	b.want(b.send("GET", "/v2/userinfo", ""), 401, map[string]any{"message": "Empty oauth2_access_token"})
}

func TestLinkedInManyPosts(t *testing.T) {
	b := newLinkedInBench(t)
	b.seed(10_000)
	seen := map[string]bool{}
	for target := linkedinFinder + "&count=100"; target != ""; {
		got := b.send("FINDER", target, "")
		for _, id := range got.ids() {
			seen[id] = true
		}
		target, _ = got.at("paging.links.0.href").(string)
	}
	if len(seen) != 10_000 {
		t.Errorf("%d different posts were listed, want 10000", len(seen))
	}
}
