package expr

import (
	"html"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/rivo/uniseg"
	nethtml "golang.org/x/net/html"
	"golang.org/x/text/unicode/norm"
)

func textLibrary() []cel.EnvOption {
	count := func(name string, f func(string) int) cel.EnvOption {
		return member(name, "string_"+name, cel.StringType, cel.IntType, func(text types.String) ref.Val { return types.Int(f(string(text))) })
	}
	return []cel.EnvOption{
		count("graphemes", uniseg.GraphemeClusterCount),
		count("utf16", func(text string) int { return len(utf16.Encode([]rune(text))) }),
		count("utf8", func(text string) int { return len(text) }),
		member("emoji", "string_emoji", cel.StringType, cel.ListType(cel.StringType), emoji),
		cel.Function("weighted", cel.MemberOverload("string_weighted", []*cel.Type{cel.StringType, cel.IntType, cel.ListType(cel.ListType(cel.IntType))},
			cel.IntType, cel.FunctionBinding(weighted))),
		binaryMember("truncate", "string_truncate", []*cel.Type{cel.StringType, cel.IntType}, cel.StringType, truncate),
		binaryMember("escape", "string_escape", texts(2), cel.StringType, escape),
		binaryMember("unescape", "string_unescape", texts(2), cel.StringType, unescape),
		unary("html.escape", "html_escape", cel.StringType, cel.StringType, func(text types.String) ref.Val { return types.String(html.EscapeString(string(text))) }),
		unary("html.text", "html_text", cel.StringType, cel.StringType, func(text types.String) ref.Val { return types.String(plainText(string(text))) }),
	}
}

// weighted is the length of a text in NFC where code points in some ranges count 1, everything else 2, a whole emoji 2, and a
// link as much as links do.
func weighted(arguments ...ref.Val) ref.Val {
	text, isText := arguments[0].(types.String)
	link, isNumber := arguments[1].(types.Int)
	ranges, err := arguments[2].ConvertToNative(reflect.TypeFor[[][]int64]())
	light, areRanges := ranges.([][]int64)
	if !isText || !isNumber || err != nil || !areRanges {
		return types.NewErr("weighted takes the weight of a link, and ranges of code points such as [[0, 4351]]")
	}
	return types.Int(weigh(string(text), int(link), light))
}

func weigh(text string, link int, light [][]int64) int {
	total, rest := 0, norm.NFC.String(text)
	for _, found := range entitiesIn(rest) {
		if found.kind == linkEntity {
			total += link
		}
	}
	for _, part := range withoutLinks(rest) {
		for graphemes := uniseg.NewGraphemes(part); graphemes.Next(); {
			total += weightOf(graphemes.Runes(), light)
		}
	}
	return total
}

// withoutLinks are the parts of a text between its links.
func withoutLinks(text string) []string {
	var parts []string
	at := 0
	for _, found := range entitiesIn(text) {
		if found.kind == linkEntity {
			parts = append(parts, text[at:found.start])
			at = found.end
		}
	}
	return append(parts, text[at:])
}

// isEmoji reports whether a grapheme is an emoji, which may be a sequence of code points.
func isEmoji(grapheme []rune) bool {
	const joiner, variation, keycap = 0x200d, 0xfe0f, 0x20e3
	return slices.ContainsFunc(grapheme, func(r rune) bool {
		return r == joiner || r == variation || r == keycap || r >= 0x1f000 && r <= 0x1faff || r >= 0x2000 && unicode.Is(unicode.So, r)
	})
}

// emoji are those in a text, each by itself.
func emoji(text types.String) ref.Val {
	found := []string{}
	for graphemes := uniseg.NewGraphemes(string(text)); graphemes.Next(); {
		if isEmoji(graphemes.Runes()) {
			found = append(found, graphemes.Str())
		}
	}
	return types.NewStringList(types.DefaultTypeAdapter, found)
}

func weightOf(grapheme []rune, light [][]int64) int {
	if isEmoji(grapheme) {
		return 2
	}
	weight := 0
	for _, r := range grapheme {
		weight += 2
		if slices.ContainsFunc(light, func(span []int64) bool { return len(span) == 2 && int64(r) >= span[0] && int64(r) <= span[1] }) {
			weight--
		}
	}
	return weight
}

func truncate(text types.String, most types.Int) ref.Val {
	graphemes := uniseg.NewGraphemes(string(text))
	end := 0
	for count := types.Int(0); count < most && graphemes.Next(); count++ {
		_, end = graphemes.Positions()
	}
	return text[:end]
}

// escape puts a backslash before each of the characters, and before a backslash.
func escape(text, characters types.String) ref.Val {
	var escaped strings.Builder
	for _, r := range string(text) {
		if r == '\\' || strings.ContainsRune(string(characters), r) {
			escaped.WriteByte('\\')
		}
		escaped.WriteRune(r)
	}
	return types.String(escaped.String())
}

// unescape undoes escape.
func unescape(text, characters types.String) ref.Val {
	var plain strings.Builder
	runes := []rune(string(text))
	for i := 0; i < len(runes); i++ {
		if runes[i] == '\\' && i+1 < len(runes) && (runes[i+1] == '\\' || strings.ContainsRune(string(characters), runes[i+1])) {
			i++
		}
		plain.WriteRune(runes[i])
	}
	return types.String(plain.String())
}

// breaks are the elements that end a line.
var breaks = map[string]string{"br": "\n", "p": "\n\n", "div": "\n", "li": "\n", "blockquote": "\n"}

// plainText is what people see of a piece of HTML.
func plainText(markup string) string {
	var text strings.Builder
	hidden := ""
	for tokens := nethtml.NewTokenizer(strings.NewReader(markup)); ; {
		switch kind := tokens.Next(); kind {
		case nethtml.ErrorToken:
			return strings.TrimSpace(text.String())
		case nethtml.TextToken:
			if hidden == "" {
				text.WriteString(nethtml.UnescapeString(string(tokens.Raw())))
			}
		case nethtml.StartTagToken, nethtml.SelfClosingTagToken, nethtml.EndTagToken:
			raw, _ := tokens.TagName()
			name := string(raw)
			switch {
			case name == hidden && kind == nethtml.EndTagToken:
				hidden = ""
			case kind != nethtml.EndTagToken && (name == "script" || name == "style"):
				hidden = name // even <script/>, which HTML does not close
			case name == "br" && kind != nethtml.EndTagToken, name != "br" && kind == nethtml.EndTagToken:
				text.WriteString(breaks[name])
			}
		}
	}
}
