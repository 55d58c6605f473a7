package pretend

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// linkedinStart is when the tests' clock stands.
func linkedinStart() time.Time { return time.Date(2026, 6, 15, 12, 0, 0, 250_000_000, time.UTC) }

// linkedinGot is an answer as the tests look at it.
type linkedinGot struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

// at is what stands at a path such as "elements.0.id", or nil.
func (g linkedinGot) at(path string) any {
	var found any = g.body
	for name := range strings.SplitSeq(path, ".") {
		switch within := found.(type) {
		case map[string]any:
			found = within[name]
		case []any:
			index, err := strconv.Atoi(name)
			if err != nil || index >= len(within) {
				return nil
			}
			found = within[index]
		default:
			return nil
		}
	}
	return found
}

// linkedinBench is a world with one account's pretend LinkedIn, and the headers that are sent to it.
type linkedinBench struct {
	*testing.T

	world  *World
	header map[string]string
}

func newLinkedInBench(t *testing.T) *linkedinBench {
	t.Helper()
	t.Parallel()
	return &linkedinBench{T: t, world: NewWorld(linkedinStart), header: map[string]string{
		"Authorization": "Bearer " + LinkedInToken, "LinkedIn-Version": LinkedInVersion, "X-Restli-Protocol-Version": "2.0.0",
		"Content-Type": "application/json",
	}}
}

// send sends a request. The method may be one of Rest.li's own: FINDER, or DELETE.
func (b *linkedinBench) send(method, target, body string) linkedinGot {
	b.Helper()
	verb := method
	if method == "FINDER" {
		verb = "GET"
	}
	request := httptest.NewRequestWithContext(b.Context(), verb, target, strings.NewReader(body))
	if method == "FINDER" || method == "DELETE" {
		request.Header.Set("X-Restli-Method", method)
	}
	for name, value := range b.header {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	recorder := httptest.NewRecorder()
	b.world.Handler("linkedin").ServeHTTP(recorder, request)
	got := linkedinGot{status: recorder.Code, header: recorder.Header(), text: recorder.Body.String()}
	if got.text == "" {
		return got
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &got.body); err != nil {
		b.Fatalf("%s %s answered no JSON object: %q", method, target, got.text)
	}
	return got
}

// want checks a status and, by path, parts of the body.
func (b *linkedinBench) want(got linkedinGot, status int, parts map[string]any) {
	b.Helper()
	if got.status != status {
		b.Fatalf("status is %d, want %d: %s", got.status, status, got.text)
	}
	for path, want := range parts {
		if found := got.at(path); !reflect.DeepEqual(found, want) {
			b.Errorf("%s is %v, want %v in %s", path, found, want, got.text)
		}
	}
}

// linkedinBody is a post's JSON. Each change sets a field, or takes it away where it is nil.
func linkedinBody(changes map[string]any) string {
	body := map[string]any{
		"author": LinkedInOrganization, "commentary": "Hello", "visibility": "PUBLIC", "lifecycleState": "PUBLISHED",
		"distribution": map[string]any{
			"feedDistribution": "MAIN_FEED", "targetEntities": []any{}, "thirdPartyDistributionChannels": []any{},
		},
		"isReshareDisabledByAuthor": false,
	}
	for name, value := range changes {
		body[name] = value
		if value == nil {
			delete(body, name)
		}
	}
	text, _ := json.Marshal(body)
	return string(text)
}

func (b *linkedinBench) post(commentary string) string {
	b.Helper()
	got := b.send("POST", "/rest/posts", linkedinBody(map[string]any{"commentary": commentary}))
	b.want(got, 201, nil)
	return got.header.Get("X-Restli-Id")
}

func linkedinPath(urn string) string { return "/rest/posts/" + url.QueryEscape(urn) }

func TestLinkedInPublish(t *testing.T) {
	b := newLinkedInBench(t)
	got := b.send("POST", "/rest/posts", linkedinBody(map[string]any{
		"commentary": `Read \(all\) of it`, "content": map[string]any{
			"article": map[string]any{"source": "https://example.com/a_b", "title": "A title", "description": "d"},
		},
	}))
	b.want(got, 201, nil)
	urn := got.header.Get("X-Restli-Id")
	if !regexp.MustCompile(`^urn:li:share:\d{19}$`).MatchString(urn) || got.header.Get("X-Linkedin-Id") != urn || got.text != "" {
		t.Errorf("urn is %q with body %q", urn, got.text)
	}
	want := []Post{{ID: urn, Text: "Read (all) of it", Link: "https://example.com/a_b", CreatedAt: linkedinStart()}}
	if held := b.world.Posts("linkedin"); !reflect.DeepEqual(held, want) {
		t.Errorf("posts are %+v, want %+v", held, want)
	}
	milliseconds := float64(linkedinStart().UnixMilli())
	b.want(b.send("GET", linkedinPath(urn), ""), 200, map[string]any{
		"id": urn, "author": LinkedInOrganization, "commentary": `Read \(all\) of it`, "visibility": "PUBLIC", "lifecycleState": "PUBLISHED",
		"createdAt": milliseconds, "publishedAt": milliseconds, "lastModifiedAt": milliseconds,
		"content.article":                             map[string]any{"source": "https://example.com/a_b", "title": "A title", "description": "d"},
		"lifecycleStateInfo":                          map[string]any{"isEditedByAuthor": false},
		"distribution.feedDistribution":               "MAIN_FEED",
		"distribution.targetEntities":                 []any{},
		"isReshareDisabledByAuthor":                   false,
		"distribution.thirdPartyDistributionChannels": []any{},
	})
	b.want(b.send("POST", "/rest/posts", linkedinBody(map[string]any{"commentary": `Read \(all\) of it`})), 201, nil) // without the link
	withoutWords := linkedinBody(map[string]any{
		"commentary": "", "content": map[string]any{"article": map[string]any{"source": "https://example.com", "title": "t"}},
	})
	b.want(b.send("POST", "/rest/posts", withoutWords), 201, nil)
}

func TestLinkedInPublishRefuses(t *testing.T) {
	article := func(name, value string) map[string]any {
		fields := map[string]any{"source": "https://example.com", "title": "t"}
		fields[name] = value
		return map[string]any{"content": map[string]any{"article": fields}}
	}
	for name, test := range map[string]struct {
		changes map[string]any
		status  int
		message string
	}{
		"no author":       {map[string]any{"author": nil}, 422, "ERROR :: /author :: field is required"},
		"no commentary":   {map[string]any{"commentary": nil}, 422, "ERROR :: /commentary :: field is required"},
		"no visibility":   {map[string]any{"visibility": nil}, 422, "ERROR :: /visibility :: field is required"},
		"no lifecycle":    {map[string]any{"lifecycleState": nil}, 422, "ERROR :: /lifecycleState :: field is required"},
		"no distribution": {map[string]any{"distribution": nil}, 422, "ERROR :: /distribution :: field is required"},
		"no feed":         {map[string]any{"distribution": map[string]any{}}, 422, "ERROR :: /distribution/feedDistribution :: field is required"},
		"visibility":      {map[string]any{"visibility": "ALL"}, 422, `ERROR :: /visibility :: "ALL" is not an enum symbol`},
		"draft":           {map[string]any{"lifecycleState": "DRAFT"}, 422, `ERROR :: /lifecycleState :: "DRAFT" is not an enum symbol`},
		"targets": {
			map[string]any{"distribution": map[string]any{"feedDistribution": "NONE", "targetEntities": []any{"x"}}}, 422,
			"ERROR :: /distribution/targetEntities",
		},
		"channels": {
			map[string]any{"distribution": map[string]any{"feedDistribution": "NONE", "thirdPartyDistributionChannels": []any{"x"}}}, 422,
			"ERROR :: /distribution/thirdPartyDistributionChannels",
		},
		"unknown field":  {map[string]any{"text": "a"}, 400, `read body: json: unknown field "text"`},
		"wrong type":     {map[string]any{"commentary": 5}, 400, "read body: json: cannot unmarshal number"},
		"another author": {map[string]any{"author": "urn:li:organization:1"}, 403, "Not enough permissions to access: partnerApiPostsExternal.CREATE.20260601"},
		"the member":     {map[string]any{"author": LinkedInPerson}, 403, "Not enough permissions"},
		"empty":          {map[string]any{"commentary": " "}, 400, "com.linkedin.content.common.exception.BadRequestResponseException"},
		"too long": {
			map[string]any{"commentary": strings.Repeat("x", 3001)}, 400,
			"com.linkedin.content.common.exception.BadRequestResponseException: ShareCommentary text length (3001 characters) exceeded",
		},
		"content":     {map[string]any{"content": map[string]any{}}, 422, "ERROR :: /content :: union has no member"},
		"media":       {map[string]any{"content": map[string]any{"media": map[string]any{}}}, 400, `read body: json: unknown field "media"`},
		"no source":   {article("source", ""), 422, "ERROR :: /content/article/source :: field is required"},
		"word source": {article("source", "example.com"), 422, "ERROR :: /content/article/source :: is not a URL"},
		"no title":    {article("title", ""), 422, "ERROR :: /content/article/title :: field is required"},
		"no image":    {article("thumbnail", "urn:li:image:C1"), 422, "ERROR :: /content/article/thumbnail"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLinkedInBench(t)
			got := b.send("POST", "/rest/posts", linkedinBody(test.changes))
			b.want(got, test.status, map[string]any{"status": float64(test.status)})
			if message, _ := got.at("message").(string); !strings.HasPrefix(message, test.message) {
				t.Errorf("message is %q, want %q...", message, test.message)
			}
			if held := b.world.Posts("linkedin"); len(held) != 0 {
				t.Errorf("posts are %+v, want none", held)
			}
		})
	}
}

func TestLinkedInDuplicate(t *testing.T) {
	b := newLinkedInBench(t)
	urn := b.post("the same")
	b.want(b.send("POST", "/rest/posts", linkedinBody(map[string]any{"commentary": "the same"})), 422, map[string]any{
		"errorDetailType": "com.linkedin.common.error.BadRequest", "status": 422.0,
		"message":                    "com.linkedin.content.common.exception.BadRequestResponseException: Content is a duplicate of " + urn,
		"errorDetails.inputErrors.0": map[string]any{"description": "Duplicate post is detected", "input": map[string]any{}, "code": "DUPLICATE_POST"},
	})
	b.send("DELETE", linkedinPath(urn), "")
	b.post("the same") // what was deleted may be said again
}

func TestLinkedInLength(t *testing.T) {
	b := newLinkedInBench(t)
	b.post(strings.Repeat("é", 3000))
	b.post(strings.Repeat(`\(`, 3000)) // the notation is not counted
}

func TestLinkedInText(t *testing.T) {
	t.Parallel()
	for little, want := range map[string]string{
		"": "", "Hello, world!": "Hello, world!", "zwei\nZeilen": "zwei\nZeilen",
		`\\ \| \{ \} \@ \[ \] \( \) \< \> \# \* \_ \~`:     `\ | { } @ [ ] ( ) < > # * _ ~`,
		"Hi @[Devtestco](urn:li:organization:2414183), hi": "Hi Devtestco, hi",
		`@[A \(B\)](urn:li:person:x-Y_1)`:                  "A (B)",
		`so {hashtag|\#|sheaf} it is`:                      "so #sheaf it is",
		"so #sheaf it #is_2":                               "so #sheaf it #is_2",
		"cut (here)":                                       "cut ",
		"cut at snake_case":                                "cut at snake",
		"cut at # alone":                                   "cut at ",
		`cut at \n`:                                        "cut at ",
		`cut at \`:                                         "cut at ",
		"cut @[Name](urn:li:member:1)":                     "cut ",
		strings.ReplaceAll(`\*bold\* 👍🏽 https://example.com/a~b`, "~", `\~`): "*bold* 👍🏽 https://example.com/a~b",
	} {
		if got := linkedinPlain(little); got != want {
			t.Errorf("%q is read as %q, want %q", little, got, want)
		}
	}
}

func TestLinkedInSeededText(t *testing.T) {
	b := newLinkedInBench(t)
	const text = `a (b) _c_ #d @e \f {g|h} <i> *j* [k] ~l é 👍`
	b.world.Seed("linkedin", []Post{{Text: text, Link: "https://example.com", CreatedAt: linkedinStart()}})
	post := b.world.Posts("linkedin")[0]
	got := b.send("GET", linkedinPath(post.ID), "")
	b.want(got, 200, map[string]any{"content.article.source": "https://example.com"})
	commentary := got.at("commentary").(string)
	if !strings.HasPrefix(commentary, `a \(b\) \_c\_ \#d \@e \\f \{g\|h\} \<i\> \*j\* \[k\] \~l`) || linkedinPlain(commentary) != text {
		t.Errorf("commentary is %q, want the notation for %q", commentary, text)
	}
}

func TestLinkedInGetAndDelete(t *testing.T) {
	b := newLinkedInBench(t)
	urn := b.post("here")
	b.want(b.send("GET", "/rest/posts/urn%3Ali%3Ashare%3A1", ""), 404, map[string]any{"status": 404.0, "message": "Could not find entity urn:li:share:1"})
	for _, target := range []string{
		"/rest/posts/" + urn, "/rest/posts/123", "/rest/posts/urn%3Ali%3Aactivity%3A1", "/rest/posts/urn%3Ali%3Ashare%3Aabc",
		linkedinPath(urn) + "?fields=id",
	} {
		b.want(b.send("GET", target, ""), 400, map[string]any{"status": 400.0})
		b.want(b.send("DELETE", target, ""), 400, map[string]any{"status": 400.0})
	}
	b.header["X-Restli-Method"] = "GET"
	b.want(b.send("DELETE", linkedinPath(urn), ""), 400, map[string]any{"message": "X-RestLi-Method is 'GET', not 'DELETE'"})
	b.header["X-Restli-Method"] = ""
	for range 2 {
		if got := b.send("DELETE", linkedinPath(urn), ""); got.status != 204 || got.text != "" {
			t.Errorf("delete answered %d with %q, want 204 with nothing", got.status, got.text)
		}
	}
	b.want(b.send("GET", linkedinPath(urn), ""), 404, nil)
	if held := b.world.Posts("linkedin"); len(held) != 0 {
		t.Errorf("posts are %+v, want none", held)
	}
}

func TestLinkedInHeaders(t *testing.T) {
	for name, test := range map[string]struct {
		header, value string
		status        int
		parts         map[string]any
	}{
		"no token":      {"Authorization", "", 401, map[string]any{"message": "Empty oauth2_access_token", "serviceErrorCode": 401.0, "status": 401.0}},
		"another token": {"Authorization", "Bearer x", 401, map[string]any{"message": "Invalid access token", "serviceErrorCode": 65600.0}},
		"no bearer":     {"Authorization", LinkedInToken, 401, map[string]any{"message": "Invalid access token"}},
		"no version":    {"LinkedIn-Version", "", 400, map[string]any{"code": "VERSION_MISSING", "status": 400.0}},
		"retired version": {"LinkedIn-Version", "202504", 426, map[string]any{
			"status": 426.0, "code": "NONEXISTENT_VERSION", "message": "Requested version 20250401 is not active",
		}},
		"just retired":   {"LinkedIn-Version", "202506", 426, map[string]any{"code": "NONEXISTENT_VERSION"}},
		"future version": {"LinkedIn-Version", "202607", 426, map[string]any{"code": "NONEXISTENT_VERSION"}},
		"wrong version":  {"LinkedIn-Version", "v2", 426, map[string]any{"code": "NONEXISTENT_VERSION"}},
		"no protocol":    {"X-Restli-Protocol-Version", "", 400, map[string]any{"status": 400.0}},
		"old protocol":   {"X-Restli-Protocol-Version", "1.0.0", 400, map[string]any{"status": 400.0}},
		"another method": {"X-Restli-Method", "FINDER", 400, map[string]any{"message": "X-RestLi-Method is 'FINDER', not 'CREATE'"}},
		"no JSON":        {"Content-Type", "text/plain", 400, map[string]any{"message": `Content-Type is "text/plain", not application/json`}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLinkedInBench(t)
			b.header[test.header] = test.value
			b.want(b.send("POST", "/rest/posts", linkedinBody(nil)), test.status, test.parts)
		})
	}
	t.Run("oldest version", func(t *testing.T) {
		b := newLinkedInBench(t)
		b.header["LinkedIn-Version"] = "202507"
		b.want(b.send("POST", "/rest/posts", linkedinBody(nil)), 201, nil)
	})
	t.Run("routes", func(t *testing.T) {
		b := newLinkedInBench(t)
		b.want(b.send("PUT", "/rest/posts", ""), 405, map[string]any{"status": 405.0})
		b.want(b.send("GET", "/rest/shares", ""), 404, map[string]any{"status": 404.0, "code": "RESOURCE_NOT_FOUND"})
		b.want(b.send("POST", "/rest/posts?dry=1", linkedinBody(nil)), 400, map[string]any{"errorDetails.inputErrors.0.code": "QUERY_PARAM_NOT_ALLOWED"})
	})
}

func TestLinkedInFaults(t *testing.T) {
	for fault, test := range map[Fault]struct {
		status int
		parts  map[string]any
	}{
		ExpiredToken: {401, map[string]any{"status": 401.0, "serviceErrorCode": 65602.0, "code": "EXPIRED_ACCESS_TOKEN"}},
		RateLimited: {429, map[string]any{
			"status": 429.0, "message": "Resource level throttle MEMBER DAY limit for calls to this resource is reached.",
		}},
		ServerError: {500, map[string]any{"status": 500.0, "message": "Internal Server Error"}},
	} {
		t.Run(string(fault), func(t *testing.T) {
			b := newLinkedInBench(t)
			b.world.Fail("linkedin", "POST /rest/posts", fault)
			b.want(b.send("POST", "/rest/posts", linkedinBody(nil)), test.status, test.parts)
			b.want(b.send("POST", "/rest/posts", linkedinBody(nil)), 201, nil)
		})
	}
}

func TestLinkedInConcurrentUse(t *testing.T) {
	b := newLinkedInBench(t)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			b.send("POST", "/rest/posts", linkedinBody(map[string]any{"commentary": fmt.Sprint("post ", i)}))
			b.send("FINDER", linkedinFinder, "")
		})
	}
	group.Wait()
	if held := b.world.Posts("linkedin"); len(held) != 20 {
		t.Errorf("%d posts are held, want 20", len(held))
	}
}
