package expr

import (
	"net/url"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

func urlLibrary() []cel.EnvOption {
	optional := cel.OptionalType(cel.StringType)
	return []cel.EnvOption{
		unary("url.encode", "url_encode", cel.StringType, cel.StringType, func(text types.String) ref.Val {
			return types.String(strings.ReplaceAll(url.QueryEscape(string(text)), "+", "%20"))
		}),
		unary("url.decode", "url_decode", cel.StringType, cel.StringType, func(text types.String) ref.Val {
			decoded, err := url.PathUnescape(string(text))
			if err != nil {
				return types.NewErr("text is not percent-encoded")
			}
			return types.String(decoded)
		}),
		binary("url.param", "url_param", texts(2), optional, urlParameter),
		unary("url.host", "url_host", cel.StringType, cel.StringType, func(text types.String) ref.Val {
			return urlPart(text, func(u *url.URL) string { return u.Host })
		}),
		unary("url.path", "url_path", cel.StringType, cel.StringType, func(text types.String) ref.Val {
			return urlPart(text, func(u *url.URL) string { return u.EscapedPath() })
		}),
		binary("link.rel", "link_rel", texts(2), optional, func(header, rel types.String) ref.Val {
			return found(linkTo(string(header), string(rel)))
		}),
		binary("urn.part", "urn_part", []*cel.Type{cel.StringType, cel.IntType}, cel.StringType, urnPart),
		binaryMember("afterLast", "string_after_last", texts(2), cel.StringType, func(text, separator types.String) ref.Val {
			at := strings.LastIndex(string(text), string(separator))
			if at < 0 {
				return text
			}
			return text[at+len(separator):]
		}),
		binaryMember("beforeFirst", "string_before_first", texts(2), cel.StringType, func(text, separator types.String) ref.Val {
			before, _, _ := strings.Cut(string(text), string(separator))
			return types.String(before)
		}),
	}
}

func urlPart(text types.String, part func(*url.URL) string) ref.Val {
	parsed, err := url.Parse(string(text))
	if err != nil {
		return types.NewErr("text is no URL")
	}
	return types.String(part(parsed))
}

func urlParameter(text, name types.String) ref.Val {
	parsed, err := url.Parse(string(text))
	if err != nil {
		return types.NewErr("text is no URL")
	}
	query, err := url.ParseQuery(parsed.RawQuery)
	if err != nil {
		return types.NewErr("query of the URL is not percent-encoded")
	}
	return found(query.Get(string(name)), query.Has(string(name)))
}

// urnPart is one of the parts between the colons; a negative index counts from the end.
func urnPart(urn types.String, index types.Int) ref.Val {
	parts := strings.Split(string(urn), ":")
	if index < 0 {
		index += types.Int(len(parts))
	}
	if index < 0 || int(index) >= len(parts) {
		return types.NewErr("urn has no such part")
	}
	return types.String(parts[index])
}

// linkTo is the target of the first link with a relation in a Link header (RFC 8288, section 3).
func linkTo(header, rel string) (string, bool) {
	for rest := header; ; {
		_, after, opened := strings.Cut(rest, "<")
		target, after, closed := strings.Cut(after, ">")
		if !opened || !closed {
			return "", false
		}
		parameters, next := cutUnquoted(after, ',')
		for relation := range strings.FieldsSeq(linkRelation(parameters)) {
			if strings.EqualFold(relation, rel) {
				return target, true
			}
		}
		rest = next
	}
}

// cutUnquoted cuts a text at the first separator outside of quotes.
func cutUnquoted(text string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == separator && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// linkRelation is the value of the parameter rel, the first one if there are several.
func linkRelation(parameters string) string {
	for rest := parameters; rest != ""; {
		var one string
		one, rest = cutUnquoted(rest, ';')
		name, value, _ := strings.Cut(one, "=")
		if strings.EqualFold(strings.TrimSpace(name), "rel") {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}
