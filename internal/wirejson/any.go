package wirejson

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
