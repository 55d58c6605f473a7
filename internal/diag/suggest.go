package diag

import (
	"cmp"
	"fmt"
	"strings"
)

// maxListed is how many candidates a hint lists where none is near.
const maxListed = 12

// DidYouMean is a hint for a name that is not among candidates: the nearest one, or all of them if they are few. kind is
// the plural of what the candidates are, such as "fields". It is empty where there is nothing helpful to say.
func DidYouMean(kind, name string, candidates []string) string {
	if nearest := Suggest(name, candidates); nearest != "" {
		return fmt.Sprintf("did you mean %q?", nearest)
	}
	if len(candidates) == 0 || len(candidates) > maxListed {
		return ""
	}
	return fmt.Sprintf("known %s: %s", kind, strings.Join(candidates, ", "))
}

// Suggest returns the candidate that name is most likely a misspelling of, or "". Case, dashes and underscores count
// only between candidates that are equally near; of those that are still equal it is the first.
func Suggest(name string, candidates []string) string {
	folded := []rune(fold(name))
	best, nearest := "", nearness{}
	for _, candidate := range candidates {
		short := []rune(fold(candidate))
		most := mistakes(max(len(folded), len(short)))
		if abs(len(folded)-len(short)) > most {
			continue
		}
		near := nearness{distance(folded, short), distance([]rune(name), []rune(candidate))}
		if near.folded <= most && (best == "" || near.compare(nearest) < 0) {
			best, nearest = candidate, near
		}
	}
	return best
}

// nearness is how far two names are apart, without their case and separators and with them.
type nearness struct{ folded, exact int }

func (n nearness) compare(other nearness) int {
	return cmp.Or(cmp.Compare(n.folded, other.folded), cmp.Compare(n.exact, other.exact))
}

// mistakes is how many there may be in a name of a length: one in "id" and "stok", three in "warehouse", none in "x".
func mistakes(length int) int { return (length + 1) / 3 }

func fold(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

func abs(n int) int { return max(n, -n) }

// distance is the number of insertions, deletions, substitutions and swaps of neighbours between two texts (optimal
// string alignment).
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row[0] = i + 1
		for j := range b {
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+substitution(a[i], b[j]))
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func substitution(a, b rune) int {
	if a == b {
		return 0
	}
	return 1
}
