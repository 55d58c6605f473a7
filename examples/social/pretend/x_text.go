package pretend

import (
	"regexp"
	"strings"

	"github.com/rivo/uniseg"
)

// xLongest is the weight that a post may have.
const xLongest = 280

// xURL finds the addresses that X shortens. Only those with a scheme: which names without one are addresses depends on a
// table of top-level domains.
var xURL = regexp.MustCompile(`(?i)https?://[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?(?:[/?#]\S*)?`)

// xWeight is the length of a text as X counts it: each address is 23 whatever its length, each emoji 2 whatever it is made
// of, and of the other characters those of the Latin and neighbouring scripts 1, all others 2.
func xWeight(text string) int {
	const address = 23
	weight, from := 0, 0
	for _, found := range xURL.FindAllStringIndex(text, -1) {
		end := found[0] + len(strings.TrimRight(text[found[0]:found[1]], `.,;:!?)]}'"`))
		weight += xWeightOfWords(text[from:found[0]]) + address
		from = end
	}
	return weight + xWeightOfWords(text[from:])
}

func xWeightOfWords(text string) int {
	weight := 0
	for clusters := uniseg.NewGraphemes(text); clusters.Next(); {
		weight += xWeightOfCluster(clusters.Runes())
	}
	return weight
}

// xWeightOfCluster weighs what a reader sees as one character. X counts the composed form (NFC), so what composes with the
// character before it adds nothing.
func xWeightOfCluster(cluster []rune) int {
	if xIsEmoji(cluster) {
		return 2
	}
	weight := 0
	for at, char := range cluster {
		switch {
		case at > 0 && xComposes(char):
		case xIsLight(char):
			weight++
		default:
			weight += 2
		}
	}
	return weight
}

// xIsEmoji says whether a cluster is an emoji: it holds one of the pictures' block, or was made one by a selector or keycap.
func xIsEmoji(cluster []rune) bool {
	const selector, keycap = '\uFE0F', '\u20E3'
	for at, char := range cluster {
		if xWithin(char, 0x1F000, 0x1FAFF) || at > 0 && (char == selector || char == keycap) {
			return true
		}
	}
	return false
}

// xIsLight says whether a character weighs 1.
func xIsLight(char rune) bool {
	return xWithin(char, 0x0000, 0x10FF) || xWithin(char, 0x2000, 0x200D) || xWithin(char, 0x2010, 0x201F) ||
		xWithin(char, 0x2032, 0x2037)
}

// xComposes says whether a character becomes part of the one before it: diacritics, and Hangul's vowels and final consonants.
func xComposes(char rune) bool {
	return xWithin(char, 0x0300, 0x036F) || xWithin(char, 0x1161, 0x1175) || xWithin(char, 0x11A8, 0x11C2)
}

func xWithin(char, first, last rune) bool { return first <= char && char <= last }
