package upstreams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lru"
)

// issuer issues numbered tokens that are good for an hour, each after a second.
type issuer struct {
	asked atomic.Int64
	// broken, once set, is what it answers instead.
	broken atomic.Pointer[error]
	// text is what it issues; nil for the number.
	text func(number int64, subject string) string
}

func (i *issuer) fetch(ctx context.Context, subject string) (*token, error) {
	number := i.asked.Add(1)
	if err := sleep(ctx, time.Second); err != nil {
		return nil, err
	}
	if broken := i.broken.Load(); broken != nil {
		return nil, *broken
	}
	text := fmt.Sprintf("%s-%d", subject, number)
	if i.text != nil {
		text = i.text(number, subject)
	}
	return newToken(text, time.Now(), time.Hour), nil
}

func (i *issuer) breakDown(err error) { i.broken.Store(&err) }

// inBubble runs a test with tokens of an issuer in virtual time.
func inBubble(t *testing.T, test func(t *testing.T, issuing *issuer, kept *tokens)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		issuing := &issuer{}
		kept := newTokens(issuing.fetch, slog.New(slog.DiscardHandler))
		defer kept.close()
		test(t, issuing, kept)
	})
}

// expectToken fails the test unless there is this token.
func expectToken(t *testing.T, kept *tokens, subject, want string) {
	t.Helper()
	got, err := kept.get(t.Context(), subject)
	if err != nil || got.text.Reveal() != want {
		t.Errorf("token of %q: error = %v, token = %v; want %s", subject, err, got, want)
	}
}

// TestTokenShared: calls that need a token at the same time share one request, and one that leaves takes it from nobody.
func TestTokenShared(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, issuing *issuer, kept *tokens) {
		t.Helper()
		leaving, leave := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		calls.Go(func() {
			_, err := kept.get(leaving, "")
			if _, ok := errors.AsType[*tokenError](err); !ok || !errors.Is(err, context.Canceled) {
				t.Errorf("error of who left = %v", err)
			}
		})
		synctest.Wait()
		for range 20 {
			calls.Go(func() { expectToken(t, kept, "", "-1") })
		}
		synctest.Wait()
		leave()
		calls.Wait()
		if issuing.asked.Load() != 1 {
			t.Errorf("asked %d times", issuing.asked.Load())
		}
	})
}

// TestTokenRenewed: a token that ends soon is renewed behind calls; nobody waits, and nobody is given one that has ended.
func TestTokenRenewed(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, issuing *issuer, kept *tokens) {
		t.Helper()
		expectToken(t, kept, "", "-1")
		time.Sleep(44 * time.Minute)
		expectToken(t, kept, "", "-1")
		if issuing.asked.Load() != 1 {
			t.Errorf("asked %d times before it was due", issuing.asked.Load())
		}
		time.Sleep(5 * time.Minute)
		before := time.Now()
		for range 5 {
			expectToken(t, kept, "", "-1")
		}
		if waited := time.Since(before); waited != 0 {
			t.Errorf("waited %s", waited)
		}
		time.Sleep(2 * time.Second)
		expectToken(t, kept, "", "-2")
		time.Sleep(2 * time.Hour)
		expectToken(t, kept, "", "-3")
		if issuing.asked.Load() != 3 {
			t.Errorf("asked %d times", issuing.asked.Load())
		}
	})
}

// TestTokenOutlives: while no new token can be had, the old one is sent until its end, and then nothing is.
func TestTokenOutlives(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, issuing *issuer, kept *tokens) {
		t.Helper()
		expectToken(t, kept, "", "-1")
		issuing.breakDown(errTest)
		for range 14 {
			time.Sleep(4 * time.Minute)
			expectToken(t, kept, "", "-1")
		}
		time.Sleep(4*time.Minute - 5*time.Second)
		if _, err := kept.get(t.Context(), ""); !errors.Is(err, errTest) {
			t.Errorf("error = %v, five seconds before its end", err)
		}
	})
}

// TestTokenFailures: who fails is not asked by every call, but again and again, ever less often.
func TestTokenFailures(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, issuing *issuer, kept *tokens) {
		t.Helper()
		issuing.breakDown(errTest)
		began := time.Now()
		for time.Since(began) < time.Minute {
			_, err := kept.get(t.Context(), "")
			failure, ok := errors.AsType[*tokenError](err)
			if !ok || !errors.Is(err, errTest) {
				t.Fatalf("error = %v", err)
			}
			time.Sleep(min(10*time.Millisecond, max(failure.wait, time.Millisecond)))
		}
		if asked := issuing.asked.Load(); asked < 5 || asked > 12 {
			t.Errorf("asked %d times in a minute", asked)
		}
		issuing.broken.Store(nil)
		time.Sleep(maxFetchBackoff)
		number := issuing.asked.Load() + 1
		expectToken(t, kept, "", fmt.Sprintf("-%d", number))
	})
}

// TestTokenRetryAfter: the server's own wish counts, within bounds.
func TestTokenRetryAfter(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, issuing *issuer, kept *tokens) {
		t.Helper()
		issuing.breakDown(&Error{Kind: KindRateLimited, RetryAfter: 10 * time.Second, Err: errTest})
		for range 9 {
			_, _ = kept.get(t.Context(), "")
			time.Sleep(time.Second)
		}
		if asked := issuing.asked.Load(); asked != 1 {
			t.Errorf("asked %d times in ten seconds", asked)
		}
	})
}

// TestTokenPerSubject: each caller has a token of its own; how many are kept is bounded, and those used least recently go first.
func TestTokenPerSubject(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, issuing *issuer, kept *tokens) {
		t.Helper()
		kept.bySubject = lru.New[subjectKey, *slot](3)
		issuing.text = func(_ int64, subject string) string { return "for " + subject }
		for _, subject := range []string{"a", "b", "c", "a", "d", "a", "c"} {
			expectToken(t, kept, subject, "for "+subject)
		}
		if kept.bySubject.Size() != 3 || issuing.asked.Load() != 4 {
			t.Errorf("kept %d, asked %d times", kept.bySubject.Size(), issuing.asked.Load())
		}
		expectToken(t, kept, "b", "for b")
		if issuing.asked.Load() != 5 {
			t.Error("what was used least recently did not make room")
		}
	})
}

// TestTokenReplaced: a token that was refused is replaced once for all who met that, and not again and again.
func TestTokenReplaced(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, issuing *issuer, kept *tokens) {
		t.Helper()
		first, err := kept.get(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		var calls sync.WaitGroup
		for range 10 {
			calls.Go(func() {
				if err := kept.replace(t.Context(), "", first); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		second, err := kept.get(t.Context(), "")
		if err != nil || second.text.Reveal() != "-2" {
			t.Fatalf("token = %v, error = %v", second, err)
		}
		if err := kept.replace(t.Context(), "", second); !errors.Is(err, errRefusedToo) || issuing.asked.Load() != 2 {
			t.Errorf("error = %v, asked %d times", err, issuing.asked.Load())
		}
		time.Sleep(replaceEvery)
		issuing.text = func(int64, string) string { return "-2" }
		if err := kept.replace(t.Context(), "", second); !errors.Is(err, errSameToken) {
			t.Errorf("error = %v", err)
		}
	})
}

// TestTokensClosed: closing ends the fetch under way and its waiters, and nothing begins behind it.
func TestTokensClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetch := func(ctx context.Context, _ string) (*token, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		kept := newTokens(fetch, slog.New(slog.DiscardHandler))
		var call sync.WaitGroup
		call.Go(func() {
			if _, err := kept.get(t.Context(), ""); !errors.Is(err, context.Canceled) {
				t.Errorf("error = %v", err)
			}
		})
		synctest.Wait()
		kept.close()
		call.Wait()
		if _, err := kept.get(t.Context(), "another"); !errors.Is(err, errClosed) {
			t.Errorf("error = %v", err)
		}
	})
}

// TestReadToken: an answer is read strictly, and no error shows anything of it.
func TestReadToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for body, life := range map[string]time.Duration{
			`{"access_token":"abc.DEF-1_2~3+4/5==","token_type":"Bearer","expires_in":3600,"scope":"a b"}`: time.Hour,
			`{"access_token":"a","token_type":"bearer","expires_in":"60"}`:                                 time.Minute,
			`{"access_token":"a","token_type":"BEARER","expires_in":3599.7}`:                               3599 * time.Second,
			`{"access_token":"a","token_type":"Bearer"}`:                                                   defaultLife,
			`{"access_token":"a","token_type":"Bearer","expires_in":null}`:                                 defaultLife,
			`{"access_token":"a","token_type":"Bearer","expires_in":1e300}`:                                maxLife,
		} {
			got, err := readToken([]byte(body))
			if err != nil {
				t.Errorf("%s: %v", body, err)
				continue
			}
			if expires := time.Until(got.expires); expires != life-min(maxSkew, life/10) {
				t.Errorf("%s: expires in %s", body, expires)
			}
			if due := time.Until(got.renewAt); due > life*4/5 || due < life*3/4 {
				t.Errorf("%s: due in %s", body, due)
			}
		}
	})
	const secret = "canary-7f3a9c"
	for _, body := range []string{
		"", secret, `"` + secret + `"`, `{"access_token":"` + secret + `"}`, `{"access_token":"` + secret + `","token_type":"mac"}`,
		`{"access_token":"` + secret + `\r\nX: y","token_type":"Bearer"}`, `{"access_token":"` + secret + ` x","token_type":"Bearer"}`,
		`{"access_token":"` + secret + `é","token_type":"Bearer"}`, `{"access_token":"","token_type":"Bearer"}`, `{"access_token":7,"token_type":"Bearer"}`,
		`{"access_token":"` + secret + `","token_type":"Bearer","expires_in":-1}`, `{"access_token":"` + secret + `","token_type":"Bearer","expires_in":"soon"}`,
		`{"access_token":"` + secret + `","token_type":"Bearer","expires_in":NaN}`, `{"access_token":"` + secret + `","token_type":"Bearer","expires_in":"NaN"}`,
		`{"access_token":"` + secret + `","access_token":"b","token_type":"Bearer"}`, `{"access_token":"` + secret + `","token_type":"Bearer"} x`,
		`{"access_token":"` + strings.Repeat("x", maxToken+1) + `","token_type":"Bearer"}`,
	} {
		if got, err := readToken([]byte(body)); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%.80s: token %v, error %v", body, got, err)
		}
	}
}

// FuzzReadToken: whatever a server answers, a token that is read can be sent, and ends within a day.
func FuzzReadToken(f *testing.F) {
	f.Add(`{"access_token":"a","token_type":"Bearer","expires_in":3600}`)
	f.Add(`{"access_token":"a","token_type":"Bearer","expires_in":"1e3"}`)
	f.Fuzz(func(t *testing.T, body string) {
		got, err := readToken([]byte(body))
		if err != nil {
			return
		}
		now := time.Now()
		if text := got.text.Reveal(); text == "" || strings.ContainsFunc(text, isUnsendable) || !got.isGood(now) || got.expires.After(now.Add(maxLife)) || got.renewAt.After(got.expires) {
			t.Errorf("token = %q, %v", text, got)
		}
	})
}
