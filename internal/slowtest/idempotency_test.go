//go:build slow

package slowtest_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
)

// publishing is what the tests of publishing once share.
type publishing struct {
	binary   string
	redis    *redisServer
	upstream *posts
	scripts  *scripts
	// other is the replica that clients turn to.
	other *publisherReplica

	mu   sync.Mutex
	rows map[int]string
}

func startPublishing(t *testing.T) *publishing {
	t.Helper()
	p := &publishing{binary: buildSheaf(t), redis: startRedis(t), upstream: startPosts(t), scripts: &scripts{names: map[string]string{}}, rows: map[int]string{}}
	p.other = startPublisher(t, p.binary, p.redis.address, p.upstream)
	return p
}

// steps are those of a run that nothing happens to. The first one loads the scripts into Redis.
func (p *publishing) steps(t *testing.T) []string {
	t.Helper()
	var found []string
	for range 2 {
		steps := newBoundaries(-1)
		id, key := rand.Text(), rand.Text()
		p.upstream.follow(id, steps)
		one := startPublisher(t, p.binary, startRedisProxy(t, steps, p.redis.address, p.scripts).address, p.upstream)
		if got := one.publish(t.Context(), id, key); got != "ok" {
			t.Fatalf("told %s", got)
		}
		one.end(t)
		found = steps.steps()
	}
	t.Logf("a run has %d steps: %s", len(found), strings.Join(found, "; "))
	return found
}

// disturbed is a run that is held at a step.
type disturbed struct {
	*publishing
	steps   *boundaries
	id, key string
	replica *publisherReplica
	first   chan told // what the client of the replica is told
}

// disturb begins a run on a replica of its own, and waits until it is at a step.
func (p *publishing) disturb(t *testing.T, number int, lost bool) *disturbed {
	t.Helper()
	steps := newBoundaries(number)
	steps.lost = lost
	d := &disturbed{publishing: p, steps: steps, id: rand.Text(), key: rand.Text(), first: make(chan told, 1)}
	p.upstream.follow(d.id, steps)
	d.replica = startPublisher(t, p.binary, startRedisProxy(t, steps, p.redis.address, p.scripts).address, p.upstream)
	go func() { d.first <- d.replica.publish(t.Context(), d.id, d.key) }()
	steps.await(t)
	return d
}

// check fails the test if a write was made twice, or if success was told of one that was lost, and adds a row to the table.
func (d *disturbed) check(t *testing.T, number int, name, clients string, final told) {
	t.Helper()
	first, second := d.checkWrites(t, name, final)
	d.mu.Lock()
	d.rows[number] = fmt.Sprintf("%d\t%s\t%s\t%d\t%d", number, name, clients, first, second)
	d.mu.Unlock()
}

func (d *disturbed) checkWrites(t *testing.T, name string, final told) (first, second int) {
	t.Helper()
	first, second = d.upstream.written(d.id)
	if first > 1 || second > 1 {
		t.Errorf("%s: written %d and %d times", name, first, second)
	}
	if isSuccess := final == "ok" || final == "replayed"; isSuccess && (first != 1 || second != 1) {
		t.Errorf("%s: told %s, with %d and %d writes", name, final, first, second)
	}
	return first, second
}

func (p *publishing) print(t *testing.T, clients string) {
	t.Helper()
	var table strings.Builder
	writer := tabwriter.NewWriter(&table, 0, 1, 2, ' ', 0)
	_, _ = fmt.Fprintf(writer, "\nstep\theld at\t%s\tfirst writes\tsecond writes\n", clients)
	for number := range len(p.rows) {
		_, _ = fmt.Fprintln(writer, p.rows[number])
	}
	_ = writer.Flush()
	t.Log(table.String())
}

// TestPublishOnceKilled kills a replica at each step of a run, while its client waits; the client asks another one with the same key
// until it is told something final. Each write is made once at most, and success is told only of what was done.
func TestPublishOnceKilled(t *testing.T) {
	p := startPublishing(t)
	steps := p.steps(t)
	want := func(name string) told {
		switch at := func(other string) bool { return strings.HasPrefix(name, other) }; {
		case at("reserve"), at("read"), at("mark, before Redis"):
			return "ok"
		case at("finish, before its answer"):
			return "replayed"
		default:
			return "OUTCOME_UNKNOWN"
		}
	}
	t.Run("steps", func(t *testing.T) {
		for number, name := range steps {
			t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				d := p.disturb(t, number, true)
				d.replica.end(t)
				close(d.steps.resume)
				if got := <-d.first; got != "broken" {
					t.Errorf("told %s by a process that was killed", got)
				}
				p.upstream.follow(d.id, nil)
				final, tries := p.other.publishUntilFinal(t, d.id, d.key)
				if final != want(name) {
					t.Errorf("%s: told %s, want %s", name, final, want(name))
				}
				for range 2 {
					again := p.other.publish(t.Context(), d.id, d.key)
					if isReplay := final == "ok" && again == "replayed"; again != final && !isReplay {
						t.Errorf("%s: told %s, and then %s", name, final, again)
					}
				}
				d.check(t, number, name, fmt.Sprintf("%s, at try %d", final, tries), final)
			})
		}
	})
	p.print(t, "the other replica tells")
}

// TestPublishOnceHeldUp holds a replica up at each step for longer than its lease, as a machine may that stands still, and lets it go on.
func TestPublishOnceHeldUp(t *testing.T) {
	p := startPublishing(t)
	steps := p.steps(t)
	want := func(name string) [3]told {
		switch at := func(other string) bool { return strings.HasPrefix(name, other) }; {
		case at("reserve, before Redis"):
			return [3]told{"ok", "replayed", "replayed"}
		case at("reserve"), at("read"), at("mark, before Redis"):
			return [3]told{"ok", "IDEMPOTENCY_KEY_IN_USE", "replayed"} // what it had reserved is another's
		case at("mark"), at("first"):
			return [3]told{"OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"} // it sends nothing more
		case at("second"), at("finish, before Redis"):
			return [3]told{"OUTCOME_UNKNOWN", "ok", "replayed"} // all had been sent
		default:
			return [3]told{"replayed", "ok", "replayed"}
		}
	}
	t.Run("steps", func(t *testing.T) {
		for number, name := range steps {
			t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				d := p.disturb(t, number, false)
				d.replica.signal(t, syscall.SIGSTOP)
				other, tries := p.other.publishUntilFinal(t, d.id, d.key)
				d.checkWrites(t, name, other)
				d.replica.signal(t, syscall.SIGCONT)
				close(d.steps.resume)
				own := <-d.first
				last := p.other.publish(t.Context(), d.id, d.key)
				d.check(t, number, name, fmt.Sprintf("%s, at try %d\t%s\t%s", other, tries, own, last), last)
				if got := [3]told{other, own, last}; got != want(name) {
					t.Errorf("%s: told %s, want %s", name, got, want(name))
				}
			})
		}
	})
	p.print(t, "the other replica tells\tthis one, when it goes on\tthe other one, after that")
}
