package wirejson

import (
	"math"
	"strconv"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// special is what writes a well-known type; nil for any other. As for protojson, Empty is none.
func special(name protoreflect.FullName) func(*run, *message, []byte) bool {
	if name.Parent() != "google.protobuf" {
		return nil
	}
	switch name.Name() {
	case "Any":
		return writeAny
	case "Timestamp":
		return writeTimestamp
	case "Duration":
		return writeDuration
	case "FieldMask":
		return writeFieldMask
	case "Struct", "ListValue":
		return writeCollection
	case "Value":
		return writeValue
	case "BoolValue", "Int32Value", "Int64Value", "UInt32Value", "UInt64Value", "FloatValue", "DoubleValue", "StringValue", "BytesValue":
		return writeWrapper
	default:
		return nil
	}
}

// two reads a message whose only fields are those with the numbers 1 and 2, in this order.
func (m *message) two(wire []byte) (first, second value, ok bool) {
	if wire, ok = m.field(1).readIf(wire, &first); !ok {
		return first, second, false
	}
	wire, ok = m.field(2).readIf(wire, &second)
	return first, second, ok && len(wire) == 0
}

// maxNanos are the most nanoseconds that are less than a second.
const maxNanos = int64(time.Second) - 1

func writeTimestamp(r *run, m *message, wire []byte) bool {
	const (
		least = -62135596800 // 0001-01-01T00:00:00Z
		most  = 253402300799 // 9999-12-31T23:59:59Z
	)
	first, second, ok := m.two(wire)
	seconds, nanos := int64(first.number), int64(second.number)
	if !ok || seconds < least || seconds > most || nanos < 0 || nanos > maxNanos {
		return false
	}
	r.dst = append(r.dst, '"')
	r.dst = time.Unix(seconds, 0).UTC().AppendFormat(r.dst, time.RFC3339)
	r.dst = appendFraction(r.dst[:len(r.dst)-len("Z")], nanos)
	r.dst = append(r.dst, 'Z', '"')
	return true
}

func writeDuration(r *run, m *message, wire []byte) bool {
	const most = 315576000000 // 10,000 years, in seconds
	first, second, ok := m.two(wire)
	seconds, nanos := int64(first.number), int64(second.number)
	if !ok || seconds < -most || seconds > most || nanos < -maxNanos || nanos > maxNanos {
		return false
	}
	if seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0 {
		return false
	}
	r.dst = append(r.dst, '"')
	if seconds < 0 || nanos < 0 {
		r.dst = append(r.dst, '-')
		seconds, nanos = -seconds, -nanos
	}
	r.dst = strconv.AppendInt(r.dst, seconds, 10)
	r.dst = appendFraction(r.dst, nanos)
	r.dst = append(r.dst, 's', '"')
	return true
}

// appendFraction appends the fraction of a second with 3, 6 or 9 digits; nothing if it is zero.
func appendFraction(dst []byte, nanos int64) []byte {
	const digits, step = 9, 3
	if nanos == 0 {
		return dst
	}
	point := len(dst)
	dst = strconv.AppendInt(dst, maxNanos+1+nanos, 10) // the 1 before the digits makes room for the point
	dst[point] = '.'
	length := digits
	for divisor := int64(1000); nanos%divisor == 0; divisor *= 1000 {
		length -= step
	}
	return dst[:point+1+length]
}

// writeFieldMask writes paths in lowerCamelCase. Those that could not be read again are left to protojson, which refuses them.
func writeFieldMask(r *run, m *message, wire []byte) bool {
	paths := m.field(1)
	r.dst = append(r.dst, '"')
	for len(wire) > 0 {
		tag, size := consumeTag(wire)
		if size < 0 || tag.number() != paths.number {
			return false
		}
		path, taken := paths.read(tag, wire[size:])
		if taken < 0 || !r.path(path.content) {
			return false
		}
		r.dst = append(r.dst, ',')
		wire = wire[size+taken:]
	}
	r.end('"')
	return true
}

// path appends a path of a mask: names with points between them, of lower-case letters, digits, and underscores before letters.
func (r *run) path(path []byte) bool {
	before := byte('.')
	for _, sign := range path {
		isLower := sign >= 'a' && sign <= 'z'
		switch {
		case isLower && before == '_':
			r.dst = append(r.dst, sign-'a'+'A')
		case isLower, before != '_' && before != '.' && (sign == '.' || sign >= '0' && sign <= '9'):
			r.dst = append(r.dst, sign)
		case sign == '_' && before != '_':
		default:
			return false
		}
		before = sign
	}
	return before != '_' && before != '.'
}

// writeWrapper writes the value of a wrapper, which is zero if it is left out.
func writeWrapper(r *run, m *message, wire []byte) bool {
	var v value
	f := m.field(1)
	rest, ok := f.readIf(wire, &v)
	return ok && len(rest) == 0 && r.value(f, v)
}

// writeCollection writes a Struct or a ListValue, whose only field is a map or a list.
func writeCollection(r *run, m *message, wire []byte) bool {
	return r.collection(m.field(1), wire) == len(wire)
}

// writeValue writes a Value, one of whose fields is set. JSON has no number that is none or infinite.
func writeValue(r *run, m *message, wire []byte) bool {
	if len(wire) == 0 {
		return false
	}
	tag, size := consumeTag(wire)
	if size < 0 {
		return false
	}
	f := m.field(tag.number())
	if f == nil {
		return false
	}
	v, taken := f.read(tag, wire[size:])
	if taken < 0 || size+taken != len(wire) {
		return false
	}
	if number := math.Float64frombits(v.number); f.kind == protoreflect.DoubleKind && (math.IsNaN(number) || math.IsInf(number, 0)) {
		return false
	}
	return r.value(f, v)
}

// writeAny writes the message inside with its type's URL: as its members, or as one of a well-known type.
func writeAny(r *run, m *message, wire []byte) bool {
	url, content, ok := m.two(wire)
	if !ok || len(url.content) == 0 && len(content.content) > 0 {
		return false
	}
	r.dst = append(r.dst, '{')
	if len(url.content) > 0 && !r.inside(url.content, content.content) {
		return false
	}
	r.end('}')
	return true
}

func (r *run) inside(url, wire []byte) bool {
	found, err := r.types.resolver.FindMessageByURL(string(url))
	if err != nil {
		return false
	}
	m := r.types.message(found.Descriptor())
	r.dst = append(r.dst, `"@type":`...)
	if !r.text(url) {
		return false
	}
	r.dst = append(r.dst, ',')
	if !m.isSpecial {
		return r.members(m, wire)
	}
	r.dst = append(r.dst, `"value":`...)
	return r.message(m, wire)
}
