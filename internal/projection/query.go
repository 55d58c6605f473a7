package projection

import (
	"fmt"
	"strings"
)

// Query is the query of a URL (RFC 3986, section 3.4), with everything escaped that is known beforehand. It is safe for concurrent use.
// A nil Query is empty.
type Query struct {
	parameters []queryParameter
	// constant is the whole query, if it is known beforehand.
	constant string
}

// queryParameter is one parameter.
type queryParameter struct {
	name string
	// key is the escaped name, with the sign behind it.
	key string
	// constant is the parameter with its values, if they are known beforehand.
	constant []byte
	from     Operand
	// parts are those of a text with holes, their literals escaped; nil for anything else.
	parts []TextPart
}

// AddQuery is a query with one parameter more. As in a path, what stands in the binding is sent as it is where a query can hold it, and what
// fills a hole is escaped. A list gives one parameter for each element.
func AddQuery(q *Query, name string, from Operand) *Query {
	added := queryParameter{name: name, key: string(AppendEscaped(nil, []byte(name))) + "=", from: from}
	if text, ok := from.(*Text); ok {
		for _, part := range text.Parts {
			added.parts = append(added.parts, TextPart{Literal: escapedLiteral(part.Literal), Hole: part.Hole})
		}
	}
	if _, ok := from.(*Constant); ok {
		if constant, err := added.append([]byte{}, nil); err == nil { // what has no text is told of when it is sent
			added.constant = constant
		}
	}
	larger := &Query{}
	if q != nil {
		larger.parameters = append(larger.parameters, q.parameters...)
	}
	larger.parameters = append(larger.parameters, added)
	larger.constant = larger.known()
	return larger
}

// known is the whole query; empty if not all of it is known beforehand.
func (q *Query) known() string {
	var all []byte
	for i := range q.parameters {
		if q.parameters[i].constant == nil {
			return ""
		}
		all = appendParameter(all, q.parameters[i].constant)
	}
	return string(all)
}

// Fill is the query in a scope, with the parameters in the order of the binding.
func (q *Query) Fill(scope *Scope) (string, error) {
	if q == nil || q.constant != "" {
		return q.fixed(), nil
	}
	var room [256]byte
	filled := room[:0]
	for i := range q.parameters {
		var err error
		if filled, err = q.parameters[i].append(filled, scope); err != nil {
			return "", fmt.Errorf("%s: %w", q.parameters[i].name, err)
		}
	}
	return string(filled), nil
}

func (q *Query) fixed() string {
	if q == nil {
		return ""
	}
	return q.constant
}

// append appends the parameter as often as it has values.
func (p *queryParameter) append(dst []byte, scope *Scope) ([]byte, error) {
	switch {
	case p.constant != nil:
		return appendParameter(dst, p.constant), nil
	case p.parts != nil:
		return p.appendText(dst, scope)
	}
	value, err := p.from.Value(scope)
	if err != nil || value.Missing() {
		return dst, err
	}
	err = value.Texts(func(text []byte) { dst = AppendEscaped(p.begin(dst), text) })
	return dst, err
}

// appendText appends a text with holes, unless one of them has no value.
func (p *queryParameter) appendText(dst []byte, scope *Scope) ([]byte, error) {
	filled := p.begin(dst)
	for _, part := range p.parts {
		if part.Hole == nil {
			filled = append(filled, part.Literal...)
			continue
		}
		value, err := part.Hole.Value(scope)
		if err != nil || value.Missing() {
			return dst, err
		}
		text, err := value.asText()
		if err != nil {
			return dst, fmt.Errorf("fill ${%s}: %w", part.Hole, err)
		}
		filled = AppendEscaped(filled, text)
	}
	return filled, nil
}

// begin begins the parameter behind what is there.
func (p *queryParameter) begin(dst []byte) []byte {
	if len(dst) > 0 {
		dst = append(dst, '&')
	}
	return append(dst, p.key...)
}

func appendParameter(dst, parameter []byte) []byte {
	if len(dst) > 0 && len(parameter) > 0 {
		dst = append(dst, '&')
	}
	return append(dst, parameter...)
}

// AppendEscaped appends a text as it stands in application/x-www-form-urlencoded (WHATWG URL, section 5), in the way of url.QueryEscape.
func AppendEscaped(dst, text []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range text {
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~':
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// escapedLiteral is a text as a query can hold it, escaped where it cannot.
func escapedLiteral(text string) string {
	var escaped []byte
	for i := range len(text) {
		if strings.IndexByte("!$'()*,;:@/?", text[i]) >= 0 {
			escaped = append(escaped, text[i])
		} else {
			escaped = AppendEscaped(escaped, []byte{text[i]})
		}
	}
	return string(escaped)
}
