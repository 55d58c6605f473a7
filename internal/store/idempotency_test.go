package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// records is a store under test, and its clock.
type records struct {
	store.Idempotency
	// pass lets time pass.
	pass func(time.Duration)
}

const (
	lease = 10 * time.Second
	keep  = time.Hour
)

// eachStore runs a test with each kind of store.
func eachStore(t *testing.T, test func(*testing.T, records)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			test(t, records{store.NewMemoryIdempotency(1 << 20), time.Sleep})
		})
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, openRecords(t))
	})
}

func openRecords(t *testing.T) records {
	t.Helper()
	server := miniredis.RunT(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	server.SetTime(at)
	redis := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}})
	return records{redis.Idempotency(), func(passed time.Duration) {
		at = at.Add(passed)
		server.SetTime(at)
		server.FastForward(passed)
	}}
}

func by(owner, request string) store.Reservation {
	return store.Reservation{Name: "name", Owner: owner, Fingerprint: []byte(request), Lease: lease, Keep: keep}
}

// TestIdempotency goes through the transitions. A step is by an owner, for a request, and says what comes of it.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	type step struct {
		do   string // of owner a or b, or a time that passes
		want string
	}
	for name, steps := range map[string][]step{
		"once":                         {{"reserve a", "reserved"}, {"reserve b", "running"}, {"sent a", ""}, {"reserve b", "running"}, {"finish a", ""}, {"reserve b", "done answer of a"}},
		"without a write":              {{"reserve a", "reserved"}, {"finish a", ""}, {"reserve b", "done answer of a"}},
		"another request":              {{"reserve a", "reserved"}, {"other b", "other"}, {"sent a", ""}, {"other b", "other"}, {"finish a", ""}, {"other b", "other"}},
		"released":                     {{"reserve a", "reserved"}, {"release a", ""}, {"other b", "reserved"}},
		"released after the mark":      {{"reserve a", "reserved"}, {"sent a", ""}, {"release a", ""}, {"reserve b", "reserved"}},
		"not released by others":       {{"reserve a", "reserved"}, {"release b", ""}, {"reserve b", "running"}},
		"not released once done":       {{"reserve a", "reserved"}, {"finish a", ""}, {"release a", ""}, {"reserve b", "done answer of a"}},
		"dead before the mark":         {{"reserve a", "reserved"}, {"10s", ""}, {"other b", "reserved"}, {"sent a", "lost"}, {"finish a", "lost"}, {"release a", ""}, {"sent b", ""}},
		"held up before the mark":      {{"reserve a", "reserved"}, {"10s", ""}, {"sent a", "lost"}},
		"dead after the mark":          {{"reserve a", "reserved"}, {"sent a", ""}, {"10s", ""}, {"reserve b", "unknown"}, {"other b", "other"}, {"sent b", "lost"}, {"50m", ""}, {"reserve b", "unknown"}},
		"held up after the mark":       {{"reserve a", "reserved"}, {"sent a", ""}, {"10s", ""}, {"extend a", "lost"}, {"reserve b", "unknown"}, {"finish a", ""}, {"reserve b", "done answer of a"}},
		"the mark begins the lease":    {{"reserve a", "reserved"}, {"9s", ""}, {"sent a", ""}, {"9s", ""}, {"reserve b", "running"}},
		"the mark twice":               {{"reserve a", "reserved"}, {"sent a", ""}, {"sent a", ""}},
		"extended":                     {{"reserve a", "reserved"}, {"9s", ""}, {"extend a", ""}, {"9s", ""}, {"reserve b", "running"}, {"sent a", ""}, {"9s", ""}, {"extend a", ""}, {"9s", ""}, {"reserve b", "running"}},
		"extended by others":           {{"reserve a", "reserved"}, {"extend b", "lost"}, {"10s", ""}, {"extend a", "lost"}},
		"no mark without reservation":  {{"sent a", "lost"}, {"finish a", "lost"}, {"release a", ""}},
		"no mark once done":            {{"reserve a", "reserved"}, {"finish a", ""}, {"sent a", "lost"}, {"extend a", "lost"}},
		"kept from the reservation":    {{"reserve a", "reserved"}, {"5s", ""}, {"finish a", ""}, {"59m54s", ""}, {"reserve b", "done answer of a"}, {"1s", ""}, {"reserve b", "reserved"}},
		"a mark is kept just as long":  {{"reserve a", "reserved"}, {"5s", ""}, {"sent a", ""}, {"59m54s", ""}, {"reserve b", "unknown"}, {"1s", ""}, {"reserve b", "reserved"}},
		"nothing lasts by being asked": {{"reserve a", "reserved"}, {"finish a", ""}, {"50m", ""}, {"reserve b", "done answer of a"}, {"10m", ""}, {"reserve b", "reserved"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachStore(t, func(t *testing.T, records records) { //nolint:thelper // it is the test
				for i, step := range steps {
					if got := records.step(t, step.do); got != step.want {
						t.Fatalf("step %d, %s: got %q, want %q", i+1, step.do, got, step.want)
					}
				}
			})
		})
	}
}

// step makes a step, and says what came of it.
func (r records) step(t *testing.T, do string) string {
	t.Helper()
	if passed, err := time.ParseDuration(do); err == nil {
		r.pass(passed)
		return ""
	}
	var verb, owner string
	if _, err := fmt.Sscan(do, &verb, &owner); err != nil {
		t.Fatal(err)
	}
	ctx := withDeadline(t)
	var err error
	switch own := by(owner, "request"); verb {
	case "reserve", "other":
		if verb == "other" {
			own.Fingerprint = []byte("another request")
		}
		var found store.Found
		if found, err = r.Reserve(ctx, own); err == nil && found.Answer != nil && len(found.Answer) > 0 {
			return string(found.State) + " " + string(found.Answer)
		}
		if err == nil {
			return string(found.State)
		}
	case "sent":
		err = r.MarkSent(ctx, own)
	case "finish":
		err = r.Finish(ctx, own, []byte("answer of "+owner))
	case "extend":
		err = r.Extend(ctx, own)
	case "release":
		err = r.Release(ctx, own)
	}
	if errors.Is(err, store.ErrLost) {
		return "lost"
	}
	if err != nil {
		t.Fatalf("%s: %v", do, err)
	}
	return ""
}

// TestIdempotencyModel lets two owners do what they may at random, die, and be held up: between two ends of what is kept, at most one
// of them may send, and what one has finished is what everybody finds.
func TestIdempotencyModel(t *testing.T) {
	t.Parallel()
	const runs, steps = 150, 25
	eachStore(t, func(t *testing.T, records records) { //nolint:thelper // it is the test
		for seed := range uint64(runs) {
			chance := rand.New(rand.NewPCG(seed, 1))
			model := &model{records: records, name: fmt.Sprint("run ", seed)}
			for range steps {
				if history := model.step(t, chance); history != "" {
					t.Fatalf("seed %d: %s", seed, history)
				}
			}
		}
	})
}

// model is what has to hold of a record.
type model struct {
	records
	name    string
	number  int
	owners  [2]owner
	history []string
	// sender is who may send, and answer what it has finished with; empty for nobody, and nothing.
	sender, answer string
}

// owner is one who tries to run the request; the next life is another owner.
type owner struct {
	name           string
	reserved, sent bool
}

// step makes one step, and says what is wrong.
func (m *model) step(t *testing.T, chance *rand.Rand) string {
	t.Helper()
	who := &m.owners[chance.IntN(len(m.owners))]
	own := store.Reservation{Name: m.name, Owner: who.name, Fingerprint: []byte("request"), Lease: lease, Keep: 1000 * time.Hour}
	ctx := withDeadline(t)
	note := func(text string, err error) {
		m.history = append(m.history, fmt.Sprintf("%s of %s: %v", text, who.name, err))
	}
	switch action := chance.IntN(10); {
	case action < 3:
		passed := time.Duration(chance.Int64N(int64(2 * lease)))
		m.pass(passed)
		m.history = append(m.history, passed.String())
	case action == 3: // dies, or is held up until the end
		*who = owner{}
	case !who.reserved:
		m.number++
		who.name = fmt.Sprint("owner ", m.number)
		own.Owner = who.name
		found, err := m.Reserve(ctx, own)
		note("reserve "+string(found.State), err)
		who.reserved = err == nil && found.State == store.StateReserved
		switch {
		case who.reserved && m.sender != "":
			return fmt.Sprintf("reserved again after it was sent: %q", m.history)
		case found.State == store.StateDone && (m.answer == "" || !bytes.Equal(found.Answer, []byte(m.answer))):
			return fmt.Sprintf("an answer %q that nobody gave: %q", found.Answer, m.history)
		case m.answer != "" && found.State != store.StateDone:
			return fmt.Sprintf("an answer is gone: %q", m.history)
		}
	case action < 6:
		err := m.MarkSent(ctx, own)
		note("mark", err)
		if err == nil && m.sender != "" && m.sender != who.name {
			return fmt.Sprintf("%s sends after %s: %q", who.name, m.sender, m.history)
		}
		if err == nil {
			who.sent, m.sender = true, who.name
		}
	case action < 7:
		note("extend", m.Extend(ctx, own))
	case who.sent:
		err := m.Finish(ctx, own, []byte(who.name))
		note("finish", err)
		if err != nil && m.answer != who.name {
			return fmt.Sprintf("what was sent cannot be finished: %q", m.history)
		}
		m.answer = who.name
	default:
		note("release", m.Release(ctx, own))
		*who = owner{}
	}
	return ""
}

// TestIdempotencyFull: what is full refuses, and forgets nothing before its time.
func TestIdempotencyFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 4 << 10
		memory := store.NewMemoryIdempotency(most)
		ctx := t.Context()
		reservation := func(number int) store.Reservation {
			own := by("owner", "request")
			own.Name = strconv.Itoa(number)
			return own
		}
		reserved := 0
		for ; ; reserved++ {
			if _, err := memory.Reserve(ctx, reservation(reserved)); err != nil {
				if !errors.Is(err, store.ErrFull) {
					t.Fatal(err)
				}
				break
			}
			if err := memory.MarkSent(ctx, reservation(reserved)); err != nil {
				t.Fatal(err)
			}
		}
		if reserved == 0 || memory.Bytes() > most {
			t.Fatalf("%d reserved, %d bytes", reserved, memory.Bytes())
		}
		if err := memory.Finish(ctx, reservation(0), make([]byte, most)); !errors.Is(err, store.ErrFull) {
			t.Errorf("error = %v", err)
		}
		time.Sleep(lease)
		for number := range reserved {
			if found, err := memory.Reserve(ctx, reservation(number)); err != nil || found.State != store.StateUnknown {
				t.Errorf("%d: %v, %v", number, found, err)
			}
		}
		time.Sleep(keep)
		if found, err := memory.Reserve(ctx, reservation(0)); err != nil || found.State != store.StateReserved {
			t.Errorf("%v, %v", found, err)
		}
		if err := memory.Release(ctx, reservation(0)); err != nil || memory.Bytes() != 0 {
			t.Errorf("%d bytes are left, %v", memory.Bytes(), err)
		}
	})
}

// TestIdempotencyRoom: a caller who takes all the room there is leaves some to others, and whatever becomes of records is counted right.
func TestIdempotencyRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 64 << 10
		memory := store.NewMemoryIdempotency(most)
		ctx := t.Context()
		reservation := func(caller string, number int) store.Reservation {
			own := by("owner", "request")
			own.Name, own.Caller = caller+strconv.Itoa(number), caller
			return own
		}
		fill := func(caller string, answer int) (kept int, err error) {
			for kept = 0; ; kept++ {
				if _, err = memory.Reserve(ctx, reservation(caller, kept)); err != nil {
					return kept, err
				}
				if err = memory.Finish(ctx, reservation(caller, kept), make([]byte, answer)); err != nil {
					_ = memory.Release(ctx, reservation(caller, kept))
					return kept, err
				}
			}
		}
		greedy, err := fill("greedy", 1000)
		if !errors.Is(err, store.ErrFull) || greedy < 30 {
			t.Fatalf("%d of the greedy, %v", greedy, err)
		}
		taken := memory.Bytes()
		if modest, err := fill("modest", 100); !errors.Is(err, store.ErrFull) || modest < 20 || memory.Bytes() > most || memory.Bytes() <= taken {
			t.Errorf("%d of the modest, %v, %d bytes", modest, err, memory.Bytes())
		}
		time.Sleep(keep)
		if again, _ := fill("greedy", 1000); again != greedy {
			t.Errorf("%d of the greedy once all is over, and %d at first", again, greedy)
		}
	})
}

// TestIdempotencyAway: without Redis nobody may send.
func TestIdempotencyAway(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	records := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}}).Idempotency()
	own := by("a", "request")
	ctx := withDeadline(t)
	if _, err := records.Reserve(ctx, own); err != nil {
		t.Fatal(err)
	}
	server.SetError("ERR away")
	_, reserving := records.Reserve(ctx, own)
	for name, err := range map[string]error{
		"reserve": reserving, "extend": records.Extend(ctx, own), "mark": records.MarkSent(ctx, own),
		"finish": records.Finish(ctx, own, nil), "release": records.Release(ctx, own),
	} {
		if !errors.Is(err, store.ErrAway) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}
