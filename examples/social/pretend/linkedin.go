package pretend

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The account that the pretend LinkedIn holds is an organization, as only those have statistics. The member whose token
// posts for it is one of its administrators. The token is not refreshed: LinkedIn lets few programs do that.
const (
	LinkedInOrganization = "urn:li:organization:104738925"
	LinkedInPerson       = "urn:li:person:" + LinkedInSub
	LinkedInSub          = "pRt3nd8ShF"
	LinkedInName         = "Petra Tend"
	LinkedInToken        = "linkedin-pretend-access-token"
	// LinkedInVersion is the newest version of the API; it and the eleven months before it are active.
	LinkedInVersion = "202606"
)

// linkedinPost is a post, or a comment, with what LinkedIn knows besides.
type linkedinPost struct {
	Post
	// sequence tells posts of one time apart, in the order of their arrival.
	sequence int64
	// thread is the URN of the post that a comment stands under; empty for a post.
	thread string
	// commentary is the text as it was sent, in LinkedIn's notation.
	commentary string
	visibility string
	feed       string
	article    *linkedinArticle
	noReshares bool
}

// linkedinPlatform is the pretend LinkedIn, the versioned Posts API.
type linkedinPlatform struct {
	now func() time.Time
	mux *http.ServeMux

	mu       sync.Mutex
	sequence counter
	// shares and comments are sorted by time and arrival, the oldest first, so that a new one is an append.
	shares, comments []*linkedinPost
	byID             map[string]*linkedinPost
	// contents are the URNs by what the posts say, to find duplicates.
	contents map[string]string
}

func newLinkedIn(now func() time.Time) *linkedinPlatform {
	p := &linkedinPlatform{
		now: now, mux: http.NewServeMux(), byID: map[string]*linkedinPost{}, contents: map[string]string{},
	}
	p.mux.HandleFunc("POST /rest/posts", linkedinVersioned("CREATE", false, p.create))
	p.mux.HandleFunc("GET /rest/posts", linkedinVersioned("FINDER", true, p.list))
	p.mux.HandleFunc("GET /rest/posts/{urn}", linkedinVersioned("GET", false, p.get))
	p.mux.HandleFunc("DELETE /rest/posts/{urn}", linkedinVersioned("DELETE", true, p.remove))
	p.mux.HandleFunc("POST /rest/socialActions/{urn}/comments", linkedinVersioned("CREATE", false, p.comment))
	p.mux.HandleFunc("GET /rest/organizationalEntityShareStatistics", linkedinVersioned("FINDER", false, p.statistics))
	p.mux.HandleFunc("GET /rest/organizationAcls", linkedinVersioned("FINDER", false, linkedinRoles))
	p.mux.HandleFunc("GET /v2/userinfo", linkedinUserinfo)
	for _, path := range []string{
		"/rest/posts", "/rest/posts/{urn}", "/rest/socialActions/{urn}/comments", "/rest/organizationalEntityShareStatistics",
		"/rest/organizationAcls", "/v2/userinfo",
	} {
		p.mux.HandleFunc(path, linkedinRefuse(linkedinError(http.StatusMethodNotAllowed, "", "Method not allowed")))
	}
	p.mux.HandleFunc("/", linkedinRefuse(linkedinError(http.StatusNotFound, "RESOURCE_NOT_FOUND", "No virtual resource found")))
	return p
}

func (p *linkedinPlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

func (p *linkedinPlatform) fail(w http.ResponseWriter, _ *http.Request, fault Fault) {
	switch fault {
	case ExpiredToken:
		linkedinServiceError(http.StatusUnauthorized, 65602, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired").write(w)
	case RateLimited: // LinkedIn says nothing of when to come back
		linkedinServiceError(http.StatusTooManyRequests, 101, "TOO_MANY_REQUESTS",
			"Resource level throttle MEMBER DAY limit for calls to this resource is reached.").write(w)
	default:
		linkedinError(http.StatusInternalServerError, "", "Internal Server Error").write(w)
	}
}

// linkedinVersioned lets only requests reach handle that have the headers of /rest: a known token, an active version, the
// protocol, and the protocol's name for the method. That name may be missing where the HTTP method says the same.
func linkedinVersioned(method string, required bool, handle func(*http.Request) linkedinAnswer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Restli-Protocol-Version", "2.0.0")
		bad := cmp.Or(linkedinToken(r), linkedinVersion(r), linkedinProtocol(r), linkedinMethod(r, method, required))
		if bad != nil {
			bad.write(w)
			return
		}
		reply := handle(r)
		reply.write(w)
	}
}

func linkedinToken(r *http.Request) *linkedinAnswer {
	switch {
	case r.Header.Get("Authorization") == "":
		return linkedinServiceError(http.StatusUnauthorized, http.StatusUnauthorized, "", "Empty oauth2_access_token")
	case bearer(r) != LinkedInToken:
		return linkedinServiceError(http.StatusUnauthorized, 65600, "", "Invalid access token")
	default:
		return nil
	}
}

func linkedinVersion(r *http.Request) *linkedinAnswer {
	version := r.Header.Get("Linkedin-Version")
	switch {
	case version == "":
		return linkedinError(http.StatusBadRequest, "VERSION_MISSING",
			"A version must be present. Please specify a version by adding the LinkedIn-Version header.")
	case !linkedinActive(version):
		return linkedinError(http.StatusUpgradeRequired, "NONEXISTENT_VERSION", "Requested version "+version+"01 is not active")
	default:
		return nil
	}
}

// linkedinActive says whether a version, YYYYMM, is one of the year that ends with the newest.
func linkedinActive(version string) bool {
	const months, layout = 12, "200601"
	asked, err := time.Parse(layout, version)
	newest, _ := time.Parse(layout, LinkedInVersion) // a constant
	return err == nil && !asked.After(newest) && asked.After(newest.AddDate(0, -months, 0))
}

func linkedinProtocol(r *http.Request) *linkedinAnswer {
	if version := r.Header.Get("X-Restli-Protocol-Version"); version != "2.0.0" {
		return linkedinError(http.StatusBadRequest, "", "X-RestLi-Protocol-Version is '"+version+"', not '2.0.0'")
	}
	return nil
}

func linkedinMethod(r *http.Request, method string, required bool) *linkedinAnswer {
	sent := r.Header.Get("X-Restli-Method")
	if sent == method || sent == "" && !required {
		return nil
	}
	return linkedinError(http.StatusBadRequest, "", "X-RestLi-Method is '"+sent+"', not '"+method+"'")
}

// linkedinURN is the URN in a path, which must be encoded: Rest.li's own syntax claims colons, commas and parentheses.
func linkedinURN(r *http.Request) (string, *linkedinAnswer) {
	urn := r.PathValue("urn")
	if strings.ContainsAny(r.URL.EscapedPath(), ":,()") || linkedinKind(urn) == "" {
		return "", linkedinError(http.StatusBadRequest, "", "Invalid key '"+urn+"': not an encoded share or ugcPost URN")
	}
	return urn, nil
}

// linkedinKind is "share" or "ugcPost" where a text is the URN of such a post.
func linkedinKind(urn string) string {
	for _, kind := range []string{"share", "ugcPost"} {
		number, ok := strings.CutPrefix(urn, "urn:li:"+kind+":")
		if _, err := strconv.ParseUint(number, 10, 64); ok && err == nil {
			return kind
		}
	}
	return ""
}

// linkedinRaw is a parameter of the query as it was sent, without decoding. Parameters that are not allowed are refused.
func linkedinRaw(r *http.Request, allowed ...string) (map[string]string, *linkedinAnswer) {
	query, err := readQuery(r, allowed...)
	if err != nil {
		return nil, linkedinInput(http.StatusBadRequest, "QUERY_PARAM_NOT_ALLOWED", "Unpermitted query parameter", err.Error())
	}
	raw := map[string]string{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if name, value, _ := strings.Cut(pair, "="); query.Has(name) {
			raw[name] = value
		}
	}
	return raw, nil
}

// linkedinDecoded decodes a URN that was sent in a query. It is empty where the URN was not encoded.
func linkedinDecoded(raw string) string {
	decoded, err := url.QueryUnescape(raw)
	if err != nil || strings.ContainsAny(raw, ":,()") {
		return ""
	}
	return decoded
}

func (p *linkedinPlatform) seed(posts []Post) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, post := range posts {
		seeded := &linkedinPost{
			Post: post, thread: post.ReplyTo, commentary: linkedinLittle(post.Text), visibility: "PUBLIC", feed: "MAIN_FEED",
		}
		if post.Link != "" {
			seeded.article = &linkedinArticle{Source: post.Link, Title: post.Link}
		}
		p.enter(seeded)
	}
	slices.SortFunc(p.shares, linkedinOrder)
	slices.SortFunc(p.comments, linkedinOrder)
}

func (p *linkedinPlatform) posts() []Post {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Concat(p.shares, p.comments)
	slices.SortFunc(all, linkedinOrder)
	copied := make([]Post, 0, len(all))
	for _, post := range slices.Backward(all) {
		copied = append(copied, post.Post)
	}
	return copied
}

func linkedinOrder(a, b *linkedinPost) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.sequence, b.sequence))
}

// enter gives a post or comment its ID and adds it to the end of its kind; the caller sees to the order.
func (p *linkedinPlatform) enter(post *linkedinPost) {
	const bits = 22 // below the milliseconds, as LinkedIn's own numbers have them
	post.sequence = p.sequence.next()
	post.ID = decimal(max(0, post.CreatedAt.UnixMilli())<<bits | post.sequence&(1<<bits-1))
	if post.thread == "" {
		post.ID = "urn:li:share:" + post.ID
		p.shares = append(p.shares, post)
		p.contents[post.content()] = post.ID
	} else {
		p.comments = append(p.comments, post)
	}
	p.byID[post.ID] = post
}

// add enters what was just made: it is the newest, unless posts of the future were seeded.
func (p *linkedinPlatform) add(post *linkedinPost) {
	p.enter(post)
	for _, kind := range [][]*linkedinPost{p.shares, p.comments} {
		for at := len(kind) - 1; at > 0 && linkedinOrder(kind[at-1], kind[at]) > 0; at-- {
			kind[at-1], kind[at] = kind[at], kind[at-1]
		}
	}
}

// content is what makes two posts duplicates of each other.
func (post *linkedinPost) content() string { return post.Text + "\x00" + post.Link }
