package upstreams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"
)

// smallBody is up to how many bytes a body takes no room: what is small, and most is, never waits.
const smallBody = 32 << 10

// room bounds what large bodies of answers take while they are read. Who finds none leaves the rest of the body with the upstream, whom
// the connection's flow control holds back. It is safe for concurrent use.
type room struct {
	all  *semaphore.Weighted
	size int64
}

func newRoom(config *Config) *room {
	size := max(config.Concurrency.AnswerBytes, config.MaxAnswerBytes) // one body always fits
	return &room{all: semaphore.NewWeighted(size), size: size}
}

// share is what one body takes of the room. It is taken once, and nobody who has some waits for more, so that all get theirs in the
// end. One goroutine uses it. A nil one takes none: renewals of credentials are few.
type share struct {
	room     *room
	observer *observer
	ctx      context.Context // of the attempt, which ends at until
	until    time.Time
	taken    int64
	waited   time.Duration // for room
}

// errNoRoom is that of a body that was not read in time since others were.
var errNoRoom = errors.New("wait for room to read the answer")

// take takes room for a body of so many bytes, or at most so many, and waits for it. The error is errNoRoom, and that of the context.
func (s *share) take(bytes int64) error {
	if s == nil || s.taken > 0 || bytes <= smallBody {
		return nil
	}
	if bytes = min(bytes, s.room.size); !s.room.all.TryAcquire(bytes) {
		s.observer.waited(s.ctx)
		began := time.Now()
		ctx, cancel := context.WithDeadline(s.ctx, s.until)
		defer cancel()
		if err := s.room.all.Acquire(ctx, bytes); err != nil {
			return fmt.Errorf("%w: %w", errNoRoom, err)
		}
		s.waited = time.Since(began)
	}
	s.taken = bytes
	return nil
}

// leave gives back what was taken.
func (s *share) leave() {
	if s.taken > 0 {
		s.room.all.Release(s.taken)
		s.taken = 0
	}
}

// handTo leaves it to somebody else to give back what was taken; nil for nobody.
func (s *share) handTo(holder interface{ Keep(leave func()) }) {
	if s.taken == 0 || holder == nil {
		return
	}
	all, taken := s.room.all, s.taken
	s.taken = 0
	holder.Keep(func() { all.Release(taken) })
}
