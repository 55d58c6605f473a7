package edgetest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestNothingOfAnotherCaller: random callers ask for the same at the same time, with the same idempotency keys, and with page tokens of each
// other, while the upstream lets its answers be kept. Whatever a caller gets was made for it.
func TestNothingOfAnotherCaller(t *testing.T) {
	t.Parallel()
	const callers, each = 12, 60
	e := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var tokens pageTokens
	group, ctx := errgroup.WithContext(ctx)
	for i := range callers {
		id := fmt.Sprintf("caller%d", i)
		c := &caller{edge: e, id: id, token: e.issuer.token(id, "notes"), pages: &tokens, chance: rand.New(rand.NewPCG(uint64(i), 5))}
		group.Go(func() error {
			for range each {
				if err := c.step(ctx); err != nil {
					return fmt.Errorf("%s: %w", id, err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if tokens.foreign == 0 || tokens.own == 0 {
		t.Errorf("%d page tokens of others and %d own ones were tried", tokens.foreign, tokens.own)
	}
	if asked := e.notes.asked.Load(); asked >= callers*each {
		t.Errorf("%d requests reached the upstream, so nothing was kept or shared", asked)
	}
}

// pageTokens are those that anyone got.
type pageTokens struct {
	mu           sync.Mutex
	all          []pageToken
	own, foreign int
}

type pageToken struct{ owner, token string }

func (p *pageTokens) add(owner, token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, pageToken{owner, token})
}

// pick is any token; false if there is none yet.
func (p *pageTokens) pick(chance *rand.Rand, caller string) (pageToken, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all) == 0 {
		return pageToken{}, false
	}
	picked := p.all[chance.IntN(len(p.all))]
	if picked.owner == caller {
		p.own++
	} else {
		p.foreign++
	}
	return picked, true
}

// caller makes random requests.
type caller struct {
	*edge
	id, token string
	pages     *pageTokens
	chance    *rand.Rand
}

// step makes one request. The error says what is wrong with its answer.
func (c *caller) step(ctx context.Context) error {
	shared := c.chance.IntN(3) // few enough to meet those of others
	switch c.chance.IntN(4) {
	case 0:
		return c.expectOwn(ctx, sent{rpc: "GetMine", body: fmt.Sprintf(`{"id": "n%d"}`, shared)})
	case 1:
		return c.get(ctx, shared)
	case 2:
		return c.list(ctx)
	default:
		return c.expectOwn(ctx, sent{
			rpc: "CreateMine", body: fmt.Sprintf(`{"text": "t%d"}`, shared), header: []string{"Idempotency-Key", fmt.Sprintf("shared-key-%d", shared)},
		})
	}
}

func (c *caller) expectOwn(ctx context.Context, request sent) error {
	request.token = c.token
	got, err := c.try(ctx, request)
	if err != nil {
		return err
	}
	if got.code() == "aborted" && request.rpc == "CreateMine" {
		return nil // its own request with the same key is under way
	}
	if got.status != http.StatusOK || got.field("note", "owner") != c.id {
		return fmt.Errorf("%s: %d %s", request.rpc, got.status, got.body)
	}
	return c.check(got)
}

// get asks as a browser does, whose answers may be kept on the way.
func (c *caller) get(ctx context.Context, shared int) error {
	query := url.Values{"connect": {"v1"}, "encoding": {"json"}, "message": {fmt.Sprintf(`{"id":"n%d"}`, shared)}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+service+"GetMine?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	got, err := c.do(request)
	if err != nil {
		return err
	}
	if got.status != http.StatusOK || !strings.Contains(got.header.Get("Cache-Control"), "private") && !strings.Contains(got.header.Get("Cache-Control"), "no-store") {
		return fmt.Errorf("GET: %d %v %s", got.status, got.header, got.body)
	}
	return c.check(got)
}

func (c *caller) list(ctx context.Context) error {
	request := sent{rpc: "ListMine", token: c.token, body: "{}"}
	from, some := c.pages.pick(c.chance, c.id)
	if some {
		request.body = fmt.Sprintf(`{"pageToken": %q}`, from.token)
	}
	got, err := c.try(ctx, request)
	if err != nil {
		return err
	}
	if some && from.owner != c.id {
		if got.code() != "invalid_argument" {
			return fmt.Errorf("a page token of %s: %d %s", from.owner, got.status, got.body)
		}
		return nil
	}
	if got.status != http.StatusOK {
		return fmt.Errorf("list: %d %s", got.status, got.body)
	}
	if next := got.field("nextPageToken"); next != "" {
		c.pages.add(c.id, next)
	}
	return c.check(got)
}

// check fails if an answer holds anything of another caller's.
func (c *caller) check(got answer) error {
	for rest := got.body; ; {
		_, after, found := strings.Cut(rest, "a secret of ")
		if !found {
			return nil
		}
		owner, _, _ := strings.Cut(after, `"`)
		if owner != c.id {
			return fmt.Errorf("got something of %s: %s", owner, got.body)
		}
		rest = after
	}
}
