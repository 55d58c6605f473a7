package projection

// Shape says which values of one JSON document are needed. It is built by compile, and only read afterwards.
type Shape struct {
	root Frame
}

// NewShape is a shape that needs nothing.
func NewShape() *Shape {
	return &Shape{root: newFrame()}
}

// Root is the frame of the document itself.
func (s *Shape) Root() *Frame { return &s.root }

// Empty reports whether nothing of the document is needed, so that it need not be JSON at all.
func (s *Shape) Empty() bool { return s.root.size == 1 }

// ElementHas reports whether a member of each element is needed, if the document is a list.
func (s *Shape) ElementHas(key string) bool {
	list := s.root.node.loop
	return list != nil && list.element.node.fields.find(key) != nil
}

// Frame is the set of values needed of the document, or of each element of one list in it. At run time a frame is a row
// of slots; the document has one, and each loop has one for each element.
type Frame struct {
	node *node
	size int
}

// node is a place in a document.
type node struct {
	slot   int // where to keep the value's span; 0 for nowhere
	asked  int // how often it was asked for
	fields fields
	loop   *loop
}

// loop is a list of which each element has a frame of its own.
type loop struct {
	slot    int
	element Frame
}

// linkSlot is the slot of each frame that holds the index of the next element's frame, so no value has it.
const linkSlot = 0

func newFrame() Frame {
	return Frame{node: &node{}, size: linkSlot + 1}
}

// Keep asks for the value at a path of keys, and returns its slot.
func (f *Frame) Keep(keys []string) int {
	place := f.node.descend(keys)
	if place.slot == 0 {
		place.slot = f.take()
	}
	place.asked++
	return place.slot
}

// Release takes back what one Keep has asked for: the value's span is kept no longer than anything else asks for it.
func (f *Frame) Release(keys []string) {
	place := f.node.descend(keys)
	if place.asked--; place.asked > 0 {
		return
	}
	if place.slot == f.size-1 {
		f.size--
	}
	place.slot = 0
}

// Loop asks for the elements of the list at a path of keys. It returns the loop's slot and the frame of an element.
func (f *Frame) Loop(keys []string) (slot int, element *Frame) {
	place := f.node.descend(keys)
	if place.loop == nil {
		place.loop = &loop{slot: f.take(), element: newFrame()}
	}
	return place.loop.slot, &place.loop.element
}

func (f *Frame) take() int {
	f.size++
	return f.size - 1
}

func (n *node) descend(keys []string) *node {
	for _, key := range keys {
		n = n.fields.take(key)
	}
	return n
}
