package projection

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"github.com/go-json-experiment/json/jsontext"
)

// nameStack holds the names of the objects that a scanner is within, to find one that an object has twice (RFC 7493, section 2.3).
// Those of an object stand together, behind those of the objects around.
type nameStack struct {
	all []name
	// unquoted holds the names that are written with escapes.
	unquoted []byte
	// seed is of the hash by which those of a large object are looked up.
	seed maphash.Seed
}

// name is where a name stands: in the body, or among those that are unquoted if end is negative.
type name struct {
	hash       uint64
	start, end int32
}

// fewNames is up to how many names each is compared with those before it, at once. Those of a larger object are compared at
// its end.
const fewNames = 32

// seen are the names of one object so far.
type seen struct {
	first    int // among all names
	unquoted int
	// bits is a set that holds each name's hash, and most likely no other.
	bits uint64
}

func (n *nameStack) open() seen { return seen{first: len(n.all), unquoted: len(n.unquoted)} }

// add adds a name to those of an object. It reports false if the object has it already.
func (n *nameStack) add(body []byte, of *seen, one name) bool {
	bit := uint64(1) << (one.hash >> 58)
	if of.bits&bit != 0 && len(n.all)-of.first <= fewNames && n.contains(body, of, one) {
		return false
	}
	of.bits |= bit
	n.all = append(n.all, one)
	return true
}

func (n *nameStack) contains(body []byte, of *seen, one name) bool {
	for _, other := range n.all[of.first:] {
		if other.hash == one.hash && bytes.Equal(n.text(body, other), n.text(body, one)) {
			return true
		}
	}
	return false
}

// closed forgets the names of an object, which is complete. It reports false if a large one has a name twice.
func (n *nameStack) closed(body []byte, of seen) bool {
	unique := len(n.all)-of.first <= fewNames || n.unique(body, n.all[of.first:])
	n.all, n.unquoted = n.all[:of.first], n.unquoted[:of.unquoted]
	return unique
}

// reset forgets all names, and what is too large to be kept.
func (n *nameStack) reset() {
	if cap(n.all) > maxNames || cap(n.unquoted) > maxCopied {
		n.all, n.unquoted = nil, nil
	}
	n.all, n.unquoted = n.all[:0], n.unquoted[:0]
}

// unique looks up each name of a large object among those before it, by a hash that nobody can aim at.
func (n *nameStack) unique(body []byte, all []name) bool {
	size := 1 << bits.Len(uint(2*len(all)))
	table := make([]int32, size)
	for i, one := range all {
		text := n.text(body, one)
		at := int(maphash.Bytes(n.seed, text)) & (size - 1)
		for ; table[at] != 0; at = (at + 1) & (size - 1) {
			if other := all[table[at]-1]; other.hash == one.hash && bytes.Equal(n.text(body, other), text) {
				return false
			}
		}
		table[at] = int32(i + 1)
	}
	return true
}

func (n *nameStack) text(body []byte, one name) []byte {
	if one.end < 0 {
		return n.unquoted[one.start : -one.end-1]
	}
	return body[one.start:one.end]
}

// unquote is the name in a quoted text that has escapes.
func (n *nameStack) unquote(quoted []byte) name {
	start := len(n.unquoted)
	n.unquoted, _ = jsontext.AppendUnquote(n.unquoted, quoted) // the scan has checked the escapes
	return name{hash: hashOf(n.unquoted, start, len(n.unquoted)), start: int32(start), end: -int32(len(n.unquoted)) - 1}
}

// hashOf is a quick hash of the text from start to end in body: of its first and last eight bytes, and its length. Its upper bits
// are the best ones.
func hashOf(body []byte, start, end int) uint64 {
	const golden = 0x9E3779B97F4A7C15
	length := end - start
	var first, last uint64
	switch {
	case length >= word:
		first = binary.LittleEndian.Uint64(body[start:])
		last = bits.RotateLeft64(binary.LittleEndian.Uint64(body[end-word:]), 32)
	case start <= len(body)-word: // what follows the text is masked
		first = binary.LittleEndian.Uint64(body[start:]) & (1<<(length*8) - 1)
	default:
		for i, c := range body[start:end] {
			first |= uint64(c) << (i * 8)
		}
	}
	mixed := (first ^ last ^ uint64(length)<<56) * golden
	return mixed ^ mixed>>29
}
