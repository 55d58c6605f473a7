// Package pretend is for the social example and its tests: eight publishing platforms, in memory. Each keeps state, checks
// what it is sent as strictly as the real one's documentation says, answers in the real one's shapes, and fails in its
// ways when told to.
package pretend

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is a documented way to fail.
type Fault string

// The faults that every platform knows. What a client does wrong (a text that is too long, an unknown field, a wrong
// header, steps in a wrong order, the same text twice where that is refused) needs no fault: it is refused anyway.
const (
	// ExpiredToken is what an expired access token gets. It lasts until the token is refreshed, where the platform
	// does that.
	ExpiredToken Fault = "expired token"
	// RateLimited is one refused request, with the time to wait as the platform says it.
	RateLimited Fault = "rate limited"
	// ServerError is one failed request, with the platform's own error body.
	ServerError Fault = "server error"
	// HTMLPage is one request answered with 502 and a page of HTML, as load balancers do.
	HTMLPage Fault = "html page"
	// Hang holds one request until its client leaves.
	Hang Fault = "hang"
)

// Post is a post that a platform holds.
type Post struct {
	// ID is the platform's own; set by it.
	ID        string
	Text      string
	Link      string
	CreatedAt time.Time
	// ReplyTo is the ID of the post that this one answers; empty for none.
	ReplyTo string

	Likes, Reposts, Replies, Views int64
}

// platform is one pretend platform.
type platform interface {
	http.Handler
	// fail answers r as the platform does when it fails that way: ExpiredToken, RateLimited or ServerError.
	fail(w http.ResponseWriter, r *http.Request, fault Fault)
	// seed adds posts of the account, as they are but for their IDs.
	seed(posts []Post)
	// posts are all posts of the account, the newest first.
	posts() []Post
}

// World is all platforms. It is safe for concurrent use.
type World struct {
	platforms map[string]platform

	mu       sync.Mutex
	faults   map[string][]arranged
	requests map[string][]string
}

// arranged is a fault that waits for its request.
type arranged struct {
	fault Fault
	// request is "METHOD /path", or a beginning of one; empty for any.
	request string
}

// NewWorld is a world without faults and posts. Times are read from now.
func NewWorld(now func() time.Time) *World {
	return &World{
		platforms: map[string]platform{
			"bluesky": newBluesky(now), "mastodon": newMastodon(now), "x": newX(now), "linkedin": newLinkedIn(now),
			"threads": newThreads(now), "facebook": newFacebook(now), "telegram": newTelegram(now), "discord": newDiscord(now),
		},
		faults: map[string][]arranged{}, requests: map[string][]string{},
	}
}

// Names are the platforms' names, sorted.
func Names() []string {
	return []string{"bluesky", "discord", "facebook", "linkedin", "mastodon", "telegram", "threads", "x"}
}

// Fail arranges that the next request to a platform which begins with request ("POST /2/tweets"; empty for any) fails.
// Several faults wait in their order.
func (w *World) Fail(platform, request string, fault Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults[platform] = append(w.faults[platform], arranged{fault: fault, request: request})
}

// Seed adds posts to a platform's account.
func (w *World) Seed(platform string, posts []Post) { w.named(platform).seed(posts) }

// Posts are the posts of a platform's account, the newest first.
func (w *World) Posts(platform string) []Post { return w.named(platform).posts() }

// Requests are the requests that each platform has got, as "METHOD /path", in their order.
func (w *World) Requests() map[string][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	copied := maps.Clone(w.requests)
	for name, requests := range copied {
		copied[name] = slices.Clone(requests)
	}
	return copied
}

// named is a platform. An unknown name is a mistake of the program's, and panics.
func (w *World) named(name string) platform {
	found, ok := w.platforms[name]
	if !ok {
		panic(fmt.Sprintf("pretend: unknown platform %q; known are %v", name, Names()))
	}
	return found
}

// Handler answers for one platform.
func (w *World) Handler(name string) http.Handler {
	target := w.named(name)
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		const maxBody = 1 << 20
		r.Body = http.MaxBytesReader(out, r.Body, maxBody)
		switch fault := w.next(name, r); fault {
		case "":
			target.ServeHTTP(out, r)
		case HTMLPage:
			out.Header().Set("Content-Type", "text/html; charset=utf-8")
			out.WriteHeader(http.StatusBadGateway)
			_, _ = fmt.Fprint(out, "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>")
		case Hang:
			<-r.Context().Done()
		default:
			target.fail(out, r, fault)
		}
	})
}

// next notes a request, and takes the fault that waits for it, if there is one.
func (w *World) next(name string, r *http.Request) Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	request := r.Method + " " + r.URL.Path
	w.requests[name] = append(w.requests[name], request)
	for i, waiting := range w.faults[name] {
		if strings.HasPrefix(request, waiting.request) {
			w.faults[name] = slices.Delete(w.faults[name], i, i+1)
			return waiting.fault
		}
	}
	return ""
}

// counter gives numbers that were never given before.
type counter struct {
	mu   sync.Mutex
	last int64
}

func (c *counter) next() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	return c.last
}

func decimal(number int64) string { return strconv.FormatInt(number, 10) }
