package projection

import "math/bits"

// fields are the members of an object that are needed, in the order in which they were asked for.
type fields struct {
	all []field
	// table holds them by the upper bits of their hashes, each at the first free place from there on. At least half of it is
	// free.
	table []field
	shift int
}

// field is a member that is needed.
type field struct {
	hash uint64
	key  string
	node *node
}

// find is the place of a key; nil if it is not needed.
func (f *fields) find(key string) *node {
	return f.lookUp([]byte(key), hashOf([]byte(key), 0, len(key)))
}

// take is the place of a key, which is needed from now on.
func (f *fields) take(key string) *node {
	if place := f.find(key); place != nil {
		return place
	}
	added := field{hash: hashOf([]byte(key), 0, len(key)), key: key, node: &node{}}
	f.all = append(f.all, added)
	f.build()
	return added.node
}

func (f *fields) build() {
	width := bits.Len(uint(2 * len(f.all)))
	f.table, f.shift = make([]field, 1<<width), 64-width
	for _, one := range f.all {
		at := one.hash >> f.shift
		for f.table[at].node != nil {
			at = (at + 1) & uint64(len(f.table)-1)
		}
		f.table[at] = one
	}
}

func (f *fields) lookUp(key []byte, hash uint64) *node {
	if len(f.all) == 0 {
		return nil
	}
	for at := hash >> f.shift; ; at = (at + 1) & uint64(len(f.table)-1) {
		one := &f.table[at]
		if one.node == nil || one.hash == hash && one.key == string(key) {
			return one.node
		}
	}
}
