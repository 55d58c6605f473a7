package edge

import (
	"iter"
	"slices"
	"strings"
)

// forwarded are the nodes of the header Forwarded (RFC 7239, section 4) that requests were forwarded for, from the right. What is not
// well formed, or names no node, gives one that is no address.
func forwarded(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			nodes, ok := parseForwarded(line)
			if !ok {
				nodes = []string{""}
			}
			for _, node := range slices.Backward(nodes) {
				if !yield(node) {
					return
				}
			}
		}
	}
}

// parseForwarded is the parameter for of each element of a line, from the left; an element without it gives "". A line is read as a
// whole, since a quoted string may hold a comma, and has to be well formed, so that nothing that a client begins can swallow what a
// proxy adds.
func parseForwarded(line string) (nodes []string, ok bool) {
	node, named, empty := "", false, true
	for rest := line; ; {
		rest = strings.TrimLeft(rest, " \t")
		if name, value, after, isPair := parsePair(rest); isPair {
			if strings.EqualFold(name, "for") {
				if named {
					return nil, false // once in an element
				}
				node, named = value, true
			}
			empty, rest = false, strings.TrimLeft(after, " \t")
		}
		switch {
		case rest == "" || rest[0] == ',':
			if !empty {
				nodes = append(nodes, node)
			}
			if rest == "" {
				return nodes, true
			}
			node, named, empty, rest = "", false, true, rest[1:]
		case rest[0] == ';':
			rest = rest[1:]
		default:
			return nil, false
		}
	}
}

// parsePair reads token "=" ( token / quoted-string ) at the beginning of a text.
func parsePair(text string) (name, value, rest string, ok bool) {
	name, rest = cutToken(text)
	if name == "" || !strings.HasPrefix(rest, "=") {
		return "", "", text, false
	}
	rest = rest[1:]
	if !strings.HasPrefix(rest, `"`) {
		value, rest = cutToken(rest)
		return name, value, rest, value != ""
	}
	var unquoted strings.Builder
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			return name, unquoted.String(), rest[i+1:], true
		case '\\':
			if i++; i == len(rest) {
				return "", "", text, false
			}
		}
		unquoted.WriteByte(rest[i])
	}
	return "", "", text, false
}

// cutToken splits a text behind the token at its beginning (RFC 9110, section 5.6.2).
func cutToken(text string) (token, rest string) {
	end := 0
	for end < len(text) && isTokenByte(text[end]) {
		end++
	}
	return text[:end], text[end:]
}

func isTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
