package diag_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
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

func TestGitHub(t *testing.T) {
	t.Parallel()
	var problems diag.Problems
	problems.Add(diag.Position{File: "a,b:c.yaml", Line: 1, Column: 2}, 1, "two\nlines", "100%% wrong")
	problems.Add(diag.Position{File: "sheaf.yaml"}, 1, "", "no sheaf.yaml in \x1b[2J")
	const want = "::error file=a%2Cb%3Ac.yaml,line=1,col=2::100%25 wrong%0Atwo%0Alines\n" +
		"::error file=sheaf.yaml::no sheaf.yaml in \uFFFD[2J\n"
	if got := write(t, problems, diag.GitHub); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestJSON: one document, in which nothing can steer a terminal and everything reads back as it was.
func TestJSON(t *testing.T) {
	t.Parallel()
	const message = "<é> \x1b[2J \u009b \u202e \U000e0001 \u2028 \t"
	var problems diag.Problems
	problems.Add(diag.Position{File: "f.yaml", Line: 1, Column: 9}, 3, "fix it", "%s", message)
	problems.Add(diag.Position{File: "gone.yaml"}, 0, "", "no line")
	got := write(t, problems, diag.JSON)
	const want = `{
  "problems": [
    {
      "file": "f.yaml",
      "line": 1,
      "column": 9,
      "width": 3,
      "message": "<é> \u001b[2J \u009b \u202e \udb40\udc01 \u2028 \t",
      "hint": "fix it"
    },
    {
      "file": "gone.yaml",
      "message": "no line"
    }
  ]
}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON differs (-want +got):\n%s", diff)
	}
	var read struct{ Problems []struct{ Message string } }
	if err := json.Unmarshal([]byte(got), &read); err != nil || read.Problems[0].Message != message {
		t.Errorf("read %q (%v), want %q", read.Problems, err, message)
	}
	if got, want := write(t, nil, diag.JSON), "{\n  \"problems\": []\n}\n"; got != want {
		t.Errorf("without problems: got %q, want %q", got, want)
	}
}

func write(t *testing.T, problems diag.Problems, format diag.Format) string {
	t.Helper()
	var text strings.Builder
	if err := problems.Write(&text, format, nil); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestReadOnce: a file is read and cut into lines once, however many problems it has.
func TestReadOnce(t *testing.T) {
	t.Parallel()
	var problems diag.Problems
	for line := range 1000 {
		problems.Add(diag.Position{File: "f.yaml", Line: line + 1, Column: 1}, 1, "", "wrong")
	}
	reads := 0
	err := problems.Write(io.Discard, diag.Text, func(string) []byte {
		reads++
		return bytes.Repeat([]byte("a: b\n"), 1000)
	})
	if err != nil || reads != 1 {
		t.Errorf("read %d times (%v), want once", reads, err)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	fields := []string{"title", "price", "reviews", "in_stock", "get", "id", "display_name", "größe"}
	for name, want := range map[string]string{
		"titel": "title", "Title": "title", "TITLE": "title", "reviws": "reviews", "pirce": "price", "ids": "id", "größen": "größe",
		"instock": "in_stock", "in-stock": "in_stock", "displayName": "display_name", "dispalyname": "display_name",
		"warehouse": "", "": "", "put": "", "x": "", "no": "", strings.Repeat("title", 1000): "",
	} {
		if got := diag.Suggest(name, fields); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", name, got, want)
		}
	}
	if got := diag.Suggest("userId", []string{"userid", "UserID", "user_id"}); got != "userid" {
		t.Errorf("among the equally near: %q, want the first of the nearest", got)
	}
	if got := diag.Suggest("x", []string{"y", ""}); got != "" {
		t.Errorf("one letter has no near name, but got %q", got)
	}
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		candidates []string
		want       string
	}{
		{"titel", []string{"price", "title"}, `did you mean "title"?`},
		{"warehouse", []string{"price", "title"}, "known fields: price, title"},
		{"warehouse", nil, ""},
		{"warehouse", strings.Split("abcdefghijklm", ""), ""},
	} {
		if got := diag.DidYouMean("fields", test.name, test.candidates); got != test.want {
			t.Errorf("%s among %v: got %q, want %q", test.name, test.candidates, got, test.want)
		}
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
