package source

import (
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// TestNodeJSON: a tree is the JSON that it looks like.
func TestNodeJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{a: 1, b: [x, true, null, 1.50], c: {}}": `{"a":1,"b":["x",true,null,1.50],"c":{}}`,
		"9007199254740993":                        `9007199254740993`,
		"0x1f":                                    `"0x1f"`,
		".5":                                      `".5"`,
		".nan":                                    `".nan"`,
		`"1"`:                                     `"1"`,
		"'a\"b\\ü'":                               `"a\"b\\ü"`,
		"True":                                    `true`,
		"~":                                       `null`,
		"[]":                                      `[]`,
	} {
		var problems diag.Problems
		node := parseYAML("f.yaml", []byte(text), &problems)
		if node == nil {
			t.Fatalf("%s: %v", text, problems)
		}
		if got := string(node.JSON()); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}
