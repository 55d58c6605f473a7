package diag

import (
	"fmt"
	"strings"
)

// maxListed is how many candidates a hint lists where none is near.
const maxListed = 8

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

// Suggest returns the candidate that name is most likely a misspelling of, or "".
func Suggest(name string, candidates []string) string {
	best, bestDistance := "", len(name)/3+2
	for _, candidate := range candidates {
		if distance := distance(strings.ToLower(name), strings.ToLower(candidate)); distance < bestDistance {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

// distance is the number of insertions, deletions, substitutions and swaps of neighbours between two texts (optimal
// string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
