package docstest_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
)

// codeSpan is what a page sets as code.
var codeSpan = regexp.MustCompile("`([^`]+)`")

// inFirstColumns are the keys that the tables of the page on sheaf.yaml explain.
func inFirstColumns(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile(root + "/docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for line := range strings.Lines(string(content)) {
		row, isRow := strings.CutPrefix(line, "| ")
		if !isRow {
			continue
		}
		first, _, _ := strings.Cut(row, " |")
		for _, match := range codeSpan.FindAllStringSubmatch(first, -1) {
			key := strings.TrimSuffix(match[1], ".NAME")
			keys = append(keys, key[strings.LastIndex(key, ".")+1:])
		}
	}
	return keys
}

// wholes are messages that tables name as a whole, and text explains: where a secret is, what it signs, and what answers mean.
var wholes = []string{"Secret", "Credentials", "ErrorRule"}

// TestSettings looks each key of sheaf.yaml up in the first column of a table.
func TestSettings(t *testing.T) {
	t.Parallel()
	explained := inFirstColumns(t)
	var visit func(message protoreflect.MessageDescriptor, path string)
	visit = func(message protoreflect.MessageDescriptor, path string) {
		for i := range message.Fields().Len() {
			field := message.Fields().Get(i)
			name := strings.TrimPrefix(path+"."+string(field.Name()), ".")
			if field.IsMap() {
				field = field.MapValue()
			}
			group := field.Message()
			switch {
			case group != nil && !slices.Contains(wholes, string(group.Name())) && group.FullName().Parent() == message.FullName().Parent():
				visit(group, name)
			case !slices.Contains(explained, name[strings.LastIndex(name, ".")+1:]):
				t.Errorf("no table explains %s", name)
			}
		}
	}
	visit(new(configv1.Config).ProtoReflect().Descriptor(), "")
}
