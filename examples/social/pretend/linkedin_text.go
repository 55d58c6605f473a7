package pretend

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// linkedinReserved are the characters that LinkedIn's notation for texts, little text, claims for itself.
const linkedinReserved = `\|{}@[]()<>#*_~`

// The pieces of little text that stand for something other than themselves.
var (
	linkedinMention = regexp.MustCompile(`^@\[((?:\\.|[^\]\\])*)\]\(urn:li:(?:organization|person):[A-Za-z0-9_-]+\)`)
	linkedinHashtag = regexp.MustCompile(`^\{hashtag\|\\?#\|([^|{}\\]+)\}`)
	linkedinTag     = regexp.MustCompile(`^#[\p{L}\p{N}_]+`)
)

// linkedinPlain is what a reader sees of a little text. A reserved character that stands alone and unescaped ends the text
// without a word: that is known of "(", and held true of the others, so that a client which forgets one is found out.
func linkedinPlain(little string) string {
	var plain strings.Builder
	for little != "" {
		shown, size := linkedinPiece(little)
		if size == 0 {
			break
		}
		plain.WriteString(shown)
		little = little[size:]
	}
	return plain.String()
}

// linkedinPiece is how the first piece of a little text is shown, and the size of the piece; 0 for one that makes no sense.
func linkedinPiece(little string) (shown string, size int) {
	if found := linkedinMention.FindStringSubmatch(little); found != nil {
		return linkedinPlain(found[1]), len(found[0])
	}
	if found := linkedinHashtag.FindStringSubmatch(little); found != nil {
		return "#" + found[1], len(found[0])
	}
	if tag := linkedinTag.FindString(little); tag != "" {
		return tag, len(tag)
	}
	if little[0] == '\\' && len(little) > 1 && strings.IndexByte(linkedinReserved, little[1]) >= 0 {
		return little[1:2], 2
	}
	if strings.IndexByte(linkedinReserved, little[0]) >= 0 {
		return "", 0
	}
	_, size = utf8.DecodeRuneInString(little)
	return little[:size], size
}

// linkedinLittle is the little text that stands for a plain one.
func linkedinLittle(plain string) string {
	var little strings.Builder
	for _, char := range plain {
		if strings.ContainsRune(linkedinReserved, char) {
			little.WriteByte('\\')
		}
		little.WriteRune(char)
	}
	return little.String()
}
