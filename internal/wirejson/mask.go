package wirejson

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
