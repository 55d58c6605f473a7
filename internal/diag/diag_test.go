package diag_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// TestText: the caret stands below what it points at, behind tabs, wide characters and in long lines.
func TestText(t *testing.T) {
	t.Parallel()
	const file = "a: \"é\" # x\n\tb: wrong\r\n\x1b[31mred\n"
	long := "x: " + strings.Repeat("a", 200) + "HERE" + strings.Repeat("b", 200)
	var problems diag.Problems
	problems.Add(diag.Position{File: "f.yaml", Line: 2, Column: 5}, 5, "fix it", "b is %s", "wrong")
	problems.Add(diag.Position{File: "f.yaml", Line: 1, Column: 9}, 3, "", "a comment")
	problems.Add(diag.Position{File: "f.yaml", Line: 3, Column: 1}, 1, "", "control \x1b[2J characters")
	problems.Add(diag.Position{File: "long.yaml", Line: 1, Column: 204}, 4, "", "far away")
	problems.Add(diag.Position{File: "f.yaml", Line: 99, Column: 1}, 1, "", "beyond the end")
	problems.Add(diag.Position{File: "gone.yaml"}, 1, "", "no line")
	problems.Sort()
	var got strings.Builder
	err := problems.Write(&got, diag.Text, func(name string) []byte {
		return map[string][]byte{"f.yaml": []byte(file), "long.yaml": []byte(long)}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `f.yaml:1:9: a comment
   1 | a: "é" # x
     |        ^^^

f.yaml:2:5: b is wrong
   2 | 	b: wrong
     | 	   ^^^^^
  fix it

f.yaml:3:1: control �[2J characters
   3 | �[31mred
     | ^

f.yaml:99:1: beyond the end

gone.yaml: no line

long.yaml:1:204: far away
   1 | ` + strings.Repeat("a", 60) + "HERE" + strings.Repeat("b", 56) + `
     | ` + strings.Repeat(" ", 60) + "^^^^\n"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("text differs (-want +got):\n%s", diff)
	}
}

func TestGitHubEscapes(t *testing.T) {
	t.Parallel()
	var problems diag.Problems
	problems.Add(diag.Position{File: "a,b:c.yaml", Line: 1, Column: 2}, 1, "two\nlines", "100%% wrong")
	var got strings.Builder
	if err := problems.Write(&got, diag.GitHub, nil); err != nil {
		t.Fatal(err)
	}
	if want := "::error file=a%2Cb%3Ac.yaml,line=1,col=2::100%25 wrong%0Atwo%0Alines\n"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	fields := []string{"title", "price", "reviews", "in_stock"}
	for name, want := range map[string]string{
		"titel": "title", "Title": "title", "reviws": "reviews", "instock": "in_stock", "pirce": "price", "warehouse": "", "": "",
	} {
		if got := diag.Suggest(name, fields); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", name, got, want)
		}
	}
	if got := diag.DidYouMean("fields", "warehouse", fields); got != "known fields: title, price, reviews, in_stock" {
		t.Errorf("hint = %q", got)
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	var problems diag.Problems
	if problems.Err() != nil {
		t.Error("no problems are an error")
	}
	problems.Add(diag.Position{File: "a.yaml", Line: 1}, 1, "", "one")
	problems.Add(diag.Position{File: "b.yaml", Line: 1}, 1, "", "two")
	err := problems.Err()
	if wrong, ok := errors.AsType[*diag.Error](err); !ok || len(wrong.Problems) != 2 || err.Error() != "a.yaml:1: one (and 1 more)" {
		t.Errorf("error = %v", err)
	}
}
