package wirejson

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// roots are the messages that are written in tests.
var roots = []protoreflect.FullName{
	"kinds.v1.Kinds", "kinds.v1.Often", "kinds.v1.Perhaps", "kinds.v1.Maps", "kinds.v1.KnownTypes", "kinds.v1.Older", "kinds.v1.Newer", "kinds.v1.All",
	"google.protobuf.Value", "google.protobuf.Any", "google.protobuf.FieldMask", "google.protobuf.Timestamp", "google.protobuf.Duration",
}

// agree compares a writer with protojson, and reports whether it left the message to that.
func agree(tb testing.TB, w *Writer, wire []byte) (isLeft bool) {
	tb.Helper()
	want, wrong := w.build(nil, wire)
	got, ok := w.append(nil, wire)
	switch {
	case !ok:
		got, err := w.Append([]byte("before "), wire)
		if (err == nil) != (wrong == nil) || err == nil && string(got) != "before "+string(want) {
			tb.Fatalf("%s %x: %s, %v; protojson has %s, %v", w.descriptor.FullName(), wire, got, err, want, wrong)
		}
	case wrong != nil:
		tb.Fatalf("%s %x: %s; protojson refuses it: %v", w.descriptor.FullName(), wire, got, wrong)
	case !bytes.Equal(got, want):
		tb.Fatalf("%s %x:\n%s; protojson has\n%s", w.descriptor.FullName(), wire, got, want)
	}
	return !ok
}

// FuzzWire changes wire bytes.
func FuzzWire(f *testing.F) {
	w := newWorld(f)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		root := i % len(roots)
		g := &generator{entropy: randomBytes(random, 200), files: w.files}
		f.Add(uint8(root), g.message(w.descriptor(f, roots[root]), 5))
	}
	f.Fuzz(func(t *testing.T, root uint8, wire []byte) {
		agree(t, w.writer(t, roots[int(root)%len(roots)]), wire)
	})
}

// FuzzMessages changes choices of what is in a message.
func FuzzMessages(f *testing.F) {
	w := newWorld(f)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 200 {
		f.Add(uint8(i), randomBytes(random, 300))
	}
	f.Fuzz(func(t *testing.T, root uint8, entropy []byte) {
		name := roots[int(root)%len(roots)]
		g := &generator{entropy: entropy, files: w.files}
		agree(t, w.writer(t, name), g.message(w.descriptor(t, name), 8))
	})
}

func TestRandomMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	random := rand.New(rand.NewPCG(5, 6))
	left := 0
	const rounds = 5000
	for i := range rounds {
		name := roots[i%len(roots)]
		g := &generator{entropy: randomBytes(random, 50+i%400), files: w.files}
		if agree(t, w.writer(t, name), g.message(w.descriptor(t, name), 6)) {
			left++
		}
	}
	if left == 0 || left == rounds {
		t.Errorf("%d of %d messages were left to protojson: the test sees one way only", left, rounds)
	}
}

// TestOwnWay holds that what encoders write is never left to protojson, in whatever order the fields are.
func TestOwnWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	random := rand.New(rand.NewPCG(7, 8))
	for i := range 3000 {
		name := roots[i%len(roots)]
		g := &generator{entropy: randomBytes(random, 50+i%400), files: w.files, isClean: true}
		wire := g.message(w.descriptor(t, name), 6)
		if agree(t, w.writer(t, name), wire) {
			t.Fatalf("%s %x is left to protojson", name, wire)
		}
	}
}

func randomBytes(random *rand.Rand, n int) []byte {
	made := make([]byte, n)
	for i := range made {
		made[i] = byte(random.Uint32())
	}
	return made
}
