package pretend

import (
	"cmp"
	"slices"
	"sync"
)

// feed holds the posts of one account, the newest first; among those of one moment, the one that came last. It is safe for
// concurrent use.
type feed struct {
	mu   sync.Mutex
	held []Post
	// answers counts the posts that answer one, by its ID.
	answers map[string]int64
}

// add takes posts in, which have their IDs already.
func (f *feed) add(posts ...Post) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers == nil {
		f.answers = map[string]int64{}
	}
	for _, one := range slices.Backward(posts) {
		f.held = append(f.held, one)
		f.answers[one.ReplyTo]++
	}
	if len(posts) == 1 {
		last := len(f.held) - 1
		one := f.held[last]
		at, _ := slices.BinarySearchFunc(f.held[:last], one, func(a, b Post) int { return cmp.Or(-a.CreatedAt.Compare(b.CreatedAt), 1) })
		f.held = slices.Insert(f.held[:last], at, one)
		return
	}
	slices.SortStableFunc(f.held, func(a, b Post) int { return b.CreatedAt.Compare(a.CreatedAt) })
}

// find is the post with an ID.
func (f *feed) find(id string) (Post, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.index(id)
	if at < 0 {
		return Post{}, false
	}
	return f.held[at], true
}

func (f *feed) index(id string) int {
	for i := range f.held { // without copying each
		if f.held[i].ID == id {
			return i
		}
	}
	return -1
}

// remove takes a post away, and reports whether it was there.
func (f *feed) remove(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.index(id)
	if at >= 0 {
		f.answers[f.held[at].ReplyTo]--
		f.held = slices.Delete(f.held, at, at+1)
	}
	return at >= 0
}

// all are copies of all posts.
func (f *feed) all() []Post {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.held)
}

// page are at most count posts from behind the one with an ID on; from the beginning if that is empty. more says whether
// others follow.
func (f *feed) page(after string, count int) (posts []Post, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	begin := 0
	if after != "" {
		begin = f.index(after) + 1
	}
	end := min(begin+count, len(f.held))
	return slices.Clone(f.held[begin:end]), end < len(f.held)
}

// countReplies is how many posts answer one.
func (f *feed) countReplies(id string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.answers[id]
}
