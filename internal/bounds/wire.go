package bounds

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// CheckWire refuses a message in wire bytes that holds more than it may, or that ends too early. The message is plain if Protobuf's
// decoder will read it without an error, and it holds neither maps, groups nor extensions; of one that is not, only the decoder knows.
func (b Bounds) CheckWire(of *Message, data []byte) (plain bool, err error) {
	counted := wire{count: count{Bounds: b}, plain: true}
	err = counted.read(of, data, 1)
	return counted.plain && err == nil, err
}

// wire counts a message in wire bytes.
type wire struct {
	count

	plain bool
}

// read counts a message of a level.
func (w *wire) read(of *Message, data []byte, level int) error {
	if err := w.message(level); err != nil {
		return err
	}
	w.plain = w.plain && !of.requires
	for len(data) > 0 {
		number, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return malformed(size)
		}
		data = data[size:]
		if size = protowire.ConsumeFieldValue(number, kind, data); size < 0 {
			return malformed(size)
		}
		w.plain = w.plain && number <= protowire.MaxValidNumber && kind != protowire.StartGroupType
		if f := of.numbers[number]; f != nil {
			if err := w.field(f, number, kind, data[:size], level); err != nil {
				return err
			}
		}
		data = data[size:]
	}
	return nil
}

func malformed(size int) error { return fmt.Errorf("read request: %w", protowire.ParseError(size)) }

// field counts one value of a field. One of another wire type than the field's is an unknown field, which stays in bytes.
func (w *wire) field(f *field, number protowire.Number, kind protowire.Type, value []byte, level int) error {
	isPacked := f.isList && kind == protowire.BytesType && f.kind != protowire.BytesType && f.kind != protowire.StartGroupType
	w.plain = w.plain && !f.isMap && !f.isExtension
	if kind != f.kind && !isPacked {
		return nil
	}
	switch {
	case isPacked:
		content, _ := protowire.ConsumeBytes(value)
		w.plain = w.plain && isWhole(content, f.width)
		return w.element(packed(content, f.width))
	case f.isList || f.isMap:
		if err := w.element(1); err != nil {
			return err
		}
	}
	switch {
	case f.message == nil:
		w.plain = w.plain && (!f.isText || isUTF8(value))
		return nil
	case f.isGroup:
		content, _ := protowire.ConsumeGroup(number, value)
		return w.read(f.message, content, level+1)
	case f.isMap:
		content, _ := protowire.ConsumeBytes(value)
		return w.entry(f.message, content, level)
	default:
		content, _ := protowire.ConsumeBytes(value)
		return w.read(f.message, content, level+1)
	}
}

// entry counts the value of an entry of a map, which is there even if it is left out.
func (w *wire) entry(value *Message, data []byte, level int) error {
	const valueNumber = 2
	found := false
	for len(data) > 0 {
		number, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return malformed(size)
		}
		data = data[size:]
		if size = protowire.ConsumeFieldValue(number, kind, data); size < 0 {
			return malformed(size)
		}
		if number == valueNumber && kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(data)
			if err := w.read(value, content, level+1); err != nil {
				return err
			}
			found = true
		}
		data = data[size:]
	}
	if found {
		return nil
	}
	return w.message(level + 1)
}

// packed is how many elements are in a packed list of a width; 0 for varints, each of which ends with a byte below 0x80.
func packed(content []byte, width int) int {
	if width > 0 {
		return (len(content) + width - 1) / width
	}
	n := 0
	for _, b := range content {
		if b < 0x80 { //nolint:mnd // the bit that says that more follows
			n++
		}
	}
	return n
}

// isWhole reports whether a packed list ends where an element does.
func isWhole(content []byte, width int) bool {
	if width > 0 {
		return len(content)%width == 0
	}
	for len(content) > 0 {
		_, size := protowire.ConsumeVarint(content)
		if size < 0 {
			return false
		}
		content = content[size:]
	}
	return true
}

func isUTF8(value []byte) bool {
	text, _ := protowire.ConsumeBytes(value)
	return utf8.Valid(text)
}
