package source

import (
	"encoding/json"
	"strings"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// PolicyTestFile is a file of tests of a policy.
type PolicyTestFile struct {
	*File
	Message *configv1.PolicyTests
}

// PolicyTests reads a file of tests of the policy of a project; its name is relative to the project's directory. Results are as of Load.
func PolicyTests(dir, name string) (*PolicyTestFile, diag.Problems, error) {
	loader := &loader{dir: dir}
	file, err := loader.readYAML(name)
	switch {
	case isMissing(err):
		loader.problems.Add(diag.Position{File: name}, 0, "create it, or name another file", "no %s in %s", name, dir)
		return nil, loader.problems, nil
	case err != nil:
		return nil, nil, err
	case file == nil:
		return nil, loader.problems, nil
	}
	tests := &PolicyTestFile{File: file, Message: &configv1.PolicyTests{}}
	if err := loader.decode(file.Root, tests.Message); err != nil {
		return nil, nil, err
	}
	if len(loader.problems) > 0 {
		loader.problems.Sort()
		return nil, loader.problems, nil
	}
	return tests, nil, nil
}

// JSON is the value as JSON. Numbers stay as they are written; one that JSON cannot write so is a text.
func (n *Node) JSON() []byte {
	return n.appendJSON(nil)
}

func (n *Node) appendJSON(dst []byte) []byte {
	switch n.Kind {
	case Null:
		return append(dst, "null"...)
	case Bool:
		return append(dst, strings.ToLower(n.Text)...)
	case List:
		dst = append(dst, '[')
		for i, item := range n.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.appendJSON(dst)
		}
		return append(dst, ']')
	case Map:
		dst = append(dst, '{')
		for i, field := range n.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendText(dst, field.Key), ':')
			dst = field.Value.appendJSON(dst)
		}
		return append(dst, '}')
	default:
		if n.Kind != String && json.Valid([]byte(n.Text)) {
			return append(dst, n.Text...)
		}
		return appendText(dst, n.Text)
	}
}

func appendText(dst []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // texts have a JSON form
	return append(dst, quoted...)
}
