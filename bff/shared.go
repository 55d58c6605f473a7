package bff

import "sync/atomic"

// shared is what worlds have in common, so that it outlives a reload that does not concern it. The last one closes it.
type shared struct {
	users atomic.Int64
	close func()
}

// use counts one more world.
func (s *shared) use() { s.users.Add(1) }

// release counts one less.
func (s *shared) release() {
	if s.users.Add(-1) == 0 {
		s.close()
	}
}

// isShared reports whether more than one world uses it.
func (s *shared) isShared() bool { return s.users.Load() > 1 }
