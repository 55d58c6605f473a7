package expr

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

func entityLibrary() []cel.EnvOption {
	return []cel.EnvOption{
		member("entities", "string_entities", cel.StringType, cel.ListType(cel.MapType(cel.StringType, cel.DynType)), entityList),
	}
}

// The kinds of entities.
const (
	linkEntity    = "link"
	mentionEntity = "mention"
	tagEntity     = "tag"
)

// entity is a part of a text that means something: a link, a mention, a tag.
type entity struct {
	kind       string
	start, end int // in bytes
	value      string
}

// entityPattern finds candidates; what stands before and after them is checked apart.
var entityPattern = regexp.MustCompile(`https?://[^\s<>"]+|@[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?(?:@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)?|#[\p{L}\p{N}_]+`)

// entitiesIn are the entities of a text, in their order; they do not overlap.
func entitiesIn(text string) []entity {
	var found []entity
	for _, at := range entityPattern.FindAllStringIndex(text, -1) {
		one := entity{start: at[0], end: at[1]}
		before, _ := utf8.DecodeLastRuneInString(text[:one.start])
		if one.start > 0 && (unicode.IsLetter(before) || unicode.IsDigit(before) || before == '_' || before == '/' || before == '@' || before == '#') {
			continue
		}
		if one.describe(text) {
			found = append(found, one)
		}
	}
	return found
}

// describe says what a candidate is, and where it ends. It reports false if it is nothing.
func (e *entity) describe(text string) bool {
	switch text[e.start] {
	case '@':
		e.kind, e.value = mentionEntity, text[e.start+1:e.end]
	case '#':
		e.kind, e.value = tagEntity, text[e.start+1:e.end]
		return strings.ContainsFunc(e.value, func(r rune) bool { return !unicode.IsDigit(r) })
	default:
		e.end = e.start + len(trimLink(text[e.start:e.end]))
		e.kind, e.value = linkEntity, text[e.start:e.end]
		return !strings.HasSuffix(e.value, "://")
	}
	return true
}

// trimLink leaves out what ends a sentence, and a bracket that the link does not open.
func trimLink(link string) string {
	unopened := strings.Count(link, ")") - strings.Count(link, "(")
	for link != "" {
		last, size := utf8.DecodeLastRuneInString(link)
		switch {
		case last == ')' && unopened > 0:
			unopened--
		case !strings.ContainsRune(".,;:!?'\"…]}", last):
			return link
		}
		link = link[:len(link)-size]
	}
	return link
}

// entityList gives each entity its place in bytes of UTF-8 and in units of UTF-16; ends are exclusive.
func entityList(text types.String) ref.Val {
	list := []map[string]any{}
	units, at := 0, 0
	count := func(part string) int { return len(utf16.Encode([]rune(part))) }
	for _, one := range entitiesIn(string(text)) {
		units += count(string(text[at:one.start]))
		length := count(string(text[one.start:one.end]))
		list = append(list, map[string]any{
			"kind": one.kind, "text": string(text[one.start:one.end]), "value": one.value,
			"byteStart": one.start, "byteEnd": one.end, "utf16Start": units, "utf16Length": length,
		})
		units, at = units+length, one.end
	}
	return types.DefaultTypeAdapter.NativeToValue(list)
}
