package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v4"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

const (
	// maxFile bounds a YAML file in bytes.
	maxFile = 1 << 20
	// maxNesting bounds how deep its lists and maps may be nested.
	maxNesting = 100
)

// readYAML reads a file of the project. It returns nil if it reported a problem.
func (l *loader) readYAML(name string) (*File, error) {
	text, err := readUpTo(l.path(name), maxFile+1)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	root := parseYAML(name, text, &l.problems)
	if root == nil {
		return nil, nil
	}
	return &File{Path: name, Text: text, Root: root}, nil
}

func readUpTo(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, most))
}

// parseYAML parses a document. It returns nil if it reported a problem.
func parseYAML(name string, text []byte, problems *diag.Problems) *Node {
	if len(text) > maxFile {
		problems.Add(diag.Position{File: name}, 0, "split it", "file is larger than 1 MiB")
		return nil
	}
	if !checkCharacters(name, text, problems) {
		return nil
	}
	file := newYAMLFile(name, text)
	document, err := singleDocument(text)
	if err != nil {
		file.reportSyntax(err, problems)
		return nil
	}
	if document == nil {
		return &Node{Kind: Null, Position: diag.Position{File: name, Line: 1, Column: 1}, Offset: -1}
	}
	before := len(*problems)
	converter := &converter{yamlFile: file, problems: problems}
	root := converter.node(document, 0)
	if len(*problems) > before {
		return nil
	}
	return root
}

// secondDocumentError says that a file holds more than one document.
type secondDocumentError struct{ line int }

func (e *secondDocumentError) Error() string { return "file holds a second document" }

// singleDocument is the root of a text's one document; nil if there is nothing but white space and comments.
func singleDocument(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
		return first.Content[0], nil
	case err != nil:
		return nil, err
	default:
		return nil, &secondDocumentError{line: second.Line}
	}
}
