package projection

import "github.com/go-json-experiment/json/jsontext"

// value reads the value of a place into the frame at base.
func (s *scanner) value(place *node, base, at int) int {
	if at >= len(s.body) {
		return s.fail(at, errTruncated)
	}
	kind := jsontext.Value(s.body[at : at+1]).Kind()
	if !place.finds(kind) {
		return s.within(place, base, at)
	}
	outermost := !s.keeping
	if outermost {
		s.keeping = true
		if s.copies {
			s.shift = len(s.copied) - at
		}
	}
	s.escaped = false
	end := s.within(place, base, at)
	if end == failed {
		return failed
	}
	s.set(place, base, span{start: int32(at + s.shift), end: int32(end + s.shift), kind: kind, escaped: s.escaped && kind == jsontext.KindString})
	if outermost {
		s.keeping = false
		s.found += end - at
		if s.copies {
			s.copied = append(s.copied, s.body[at:end]...)
		}
	}
	return end
}

// finds reports whether anything is to be known of a value of some kind, besides what is within it.
func (n *node) finds(kind jsontext.Kind) bool {
	return n.slot != 0 || n.loop != nil && kind != jsontext.KindBeginArray || n.blocks(kind)
}

// blocks reports whether something should be below a value that is no object.
func (n *node) blocks(kind jsontext.Kind) bool {
	return len(n.fields.all) > 0 && kind != jsontext.KindBeginObject && kind != jsontext.KindNull
}

// set sets what is known of a value.
func (s *scanner) set(place *node, base int, found span) {
	if place.slot != 0 {
		s.spans[base+place.slot] = found
	}
	if place.loop != nil && found.kind != jsontext.KindBeginArray {
		s.spans[base+place.loop.slot] = found
	}
	if place.blocks(found.kind) {
		found.kind = kindBlocked
		s.block(place, base, found)
	}
}

// within reads a value, and the values within it that are needed.
func (s *scanner) within(place *node, base, at int) int {
	switch {
	case s.body[at] == '{' && len(place.fields.all) > 0:
		return s.object(place, base, at)
	case s.body[at] == '[' && place.loop != nil:
		return s.loop(place.loop, base, at)
	default:
		return s.skip(at)
	}
}

// block marks all that should have been below a value that is no object: that is another thing than not being there.
func (s *scanner) block(place *node, base int, found span) {
	for _, field := range place.fields.all {
		child := field.node
		if child.slot != 0 {
			s.spans[base+child.slot] = found
		}
		if child.loop != nil {
			s.spans[base+child.loop.slot] = found
		}
		s.block(child, base, found)
	}
}

// skip reads a value that nobody needs.
func (s *scanner) skip(at int) int {
	if at >= len(s.body) {
		return s.fail(at, errTruncated)
	}
	switch s.body[at] {
	case '"':
		return s.text(at)
	case '{':
		return s.object(nil, 0, at)
	case '[':
		return s.list(at)
	case 't':
		return s.literal(at, "true")
	case 'f':
		return s.literal(at, "false")
	case 'n':
		return s.literal(at, "null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number(at)
	default:
		return s.fail(at, errUnexpected)
	}
}

// object reads an object. Its place is nil if nobody needs any of it.
func (s *scanner) object(place *node, base, at int) int {
	body := s.body
	at, more := s.open(at, '}')
	of := s.names.open()
	for more {
		one, end := s.name(&of, at)
		if end == failed {
			return failed
		}
		if at = space(body, end); at >= len(body) || body[at] != ':' {
			return s.unexpected(at)
		}
		at = space(body, at+1)
		var child *node
		if place != nil {
			child = place.fields.lookUp(s.names.text(body, one), one.hash)
		}
		if child != nil {
			at = s.value(child, base, at)
		} else {
			at = s.skip(at)
		}
		at, more = s.next(at, '}')
	}
	if at != failed && !s.names.closed(body, of) {
		return s.fail(at, errDuplicate)
	}
	return at
}

// name reads the name of a member, which the object must not have yet.
func (s *scanner) name(of *seen, at int) (name, int) {
	if at >= len(s.body) || s.body[at] != '"' {
		return name{}, s.unexpected(at)
	}
	s.escaped = false
	end := s.text(at)
	if end == failed {
		return name{}, failed
	}
	one := name{start: int32(at + 1), end: int32(end - 1)}
	if s.escaped {
		one = s.names.unquote(s.body[at:end])
	} else {
		one.hash = hashOf(s.body, at+1, end-1)
	}
	if !s.names.add(s.body, of, one) {
		return name{}, s.fail(at, errDuplicate)
	}
	return one, end
}

// list reads a list of which nobody needs the elements.
func (s *scanner) list(at int) int {
	at, more := s.open(at, ']')
	for more {
		at, more = s.next(s.skip(at), ']')
	}
	return at
}

// loop reads the elements of a looped list, each into a frame of its own, linked in their order.
func (s *scanner) loop(list *loop, base, at int) int {
	link := base + list.slot
	s.spans[link] = span{kind: jsontext.KindBeginArray}
	at, more := s.open(at, ']')
	for more {
		frame := len(s.spans)
		s.spans = append(s.spans, make([]span, list.element.size)...)
		s.spans[link].start = int32(frame)
		link = frame + linkSlot
		at, more = s.next(s.value(list.element.node, frame, at), ']')
	}
	return at
}

// open reads the bracket of an object or a list, and reports whether there is anything before the closing one.
func (s *scanner) open(at int, closing byte) (int, bool) {
	if s.depth == maxNesting {
		return s.fail(at, errNesting), false
	}
	at = space(s.body, at+1)
	if at < len(s.body) && s.body[at] == closing {
		return at + 1, false
	}
	s.depth++
	return at, true
}

// next reads what follows a member or an element, and reports whether it is another one.
func (s *scanner) next(at int, closing byte) (int, bool) {
	if at == failed {
		return failed, false
	}
	at = space(s.body, at)
	switch {
	case at < len(s.body) && s.body[at] == ',':
		return space(s.body, at+1), true
	case at < len(s.body) && s.body[at] == closing:
		s.depth--
		return at + 1, false
	default:
		return s.unexpected(at), false
	}
}
