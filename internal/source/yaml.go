package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

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
	text, err := os.ReadFile(l.path(name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	root := parseYAML(name, text, &l.problems)
	if root == nil {
		return nil, nil
	}
	return &File{Path: name, Text: text, Root: root}, nil
}

// parseYAML parses a document. It returns nil if it reported a problem.
func parseYAML(name string, text []byte, problems *diag.Problems) *Node {
	file := diag.Position{File: name, Line: 1, Column: 1}
	switch {
	case len(text) > maxFile:
		problems.Add(diag.Position{File: name}, 0, "split it", "file is larger than 1 MiB")
		return nil
	case !utf8.Valid(text):
		problems.Add(invalidUTF8(name, text), 1, "save it as UTF-8", "file is not valid UTF-8")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return &Node{Kind: Null, Position: file, Offset: -1}
	} else if err != nil {
		reportSyntax(name, err, problems)
		return nil
	}
	var next yaml.Node
	if err := decoder.Decode(&next); err == nil {
		problems.Add(diag.Position{File: name, Line: max(next.Line, 1), Column: 1}, 3, "put it into a file of its own", "file holds a second document")
		return nil
	} else if !errors.Is(err, io.EOF) {
		reportSyntax(name, err, problems)
		return nil
	}
	converter := &converter{name: name, lines: bytes.Split(text, []byte("\n")), problems: problems}
	before := len(*problems)
	root := converter.node(document.Content[0], 0)
	if len(*problems) > before {
		return nil
	}
	return root
}

func invalidUTF8(name string, text []byte) diag.Position {
	line, column := 1, 1
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			break
		}
		column += size
		if r == '\n' {
			line, column = line+1, 1
		}
		text = text[size:]
	}
	return diag.Position{File: name, Line: line, Column: column}
}

func reportSyntax(name string, err error, problems *diag.Problems) {
	at := diag.Position{File: name}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if broken, ok := errors.AsType[*yaml.LoadError](err); ok {
		at.Line, at.Column = broken.Mark.Line, broken.Mark.Column
		message = broken.Message
	}
	hint := "check the indentation, and that texts with : or # stand in quotes"
	if strings.Contains(message, "tab") {
		hint = "indent with spaces"
	}
	problems.Add(at, 1, hint, "YAML does not parse: %s", message)
}

// converter turns YAML's nodes into ours.
type converter struct {
	name     string
	lines    [][]byte
	problems *diag.Problems
}

// position is where a node begins. YAML counts characters, we count bytes.
func (c *converter) position(node *yaml.Node) diag.Position {
	at := diag.Position{File: c.name, Line: node.Line, Column: 1}
	if node.Line < 1 || node.Line > len(c.lines) {
		return diag.Position{File: c.name}
	}
	line := c.lines[node.Line-1]
	for column := 1; column < node.Column && len(line) > 0; column++ {
		_, size := utf8.DecodeRune(line)
		at.Column += size
		line = line[size:]
	}
	return at
}

func (c *converter) node(from *yaml.Node, depth int) *Node {
	at := c.position(from)
	node := &Node{Position: at, Text: from.Value, Offset: -1}
	switch {
	case depth > maxNesting:
		c.problems.Add(at, 1, "flatten it", "file is nested more than %d deep", maxNesting)
	case from.Anchor != "" || from.Kind == yaml.AliasNode:
		c.problems.Add(at, 1, "write the value out", "anchors and aliases are not allowed")
	case from.Style&yaml.TaggedStyle != 0:
		c.problems.Add(at, len(from.Tag), "remove it", "tag %s is not allowed", from.Tag)
	case from.Kind == yaml.MappingNode:
		node.Kind = Map
		c.fields(node, from, depth)
	case from.Kind == yaml.SequenceNode:
		node.Kind = List
		for _, item := range from.Content {
			node.Items = append(node.Items, c.node(item, depth+1))
		}
	default:
		node.Kind = scalarKind(from)
		node.Offset = c.textOffset(from, at)
	}
	return node
}

// scalarKind is a scalar's kind by YAML 1.2's core schema, in which yes, no, on and off are texts.
func scalarKind(from *yaml.Node) Kind {
	if from.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return String
	}
	switch from.ShortTag() {
	case "!!null":
		return Null
	case "!!bool":
		return Bool
	case "!!int":
		return Int
	case "!!float":
		return Float
	default:
		return String
	}
}

// textOffset is how far behind its position a scalar's text stands, if it stands there byte for byte.
func (c *converter) textOffset(from *yaml.Node, at diag.Position) int {
	if at.Line == 0 {
		return -1
	}
	line := c.lines[at.Line-1]
	offset := 0
	if from.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		offset = 1
	}
	start := at.Column - 1 + offset
	if start > len(line) || !bytes.HasPrefix(line[start:], []byte(from.Value)) {
		return -1
	}
	return offset
}

func (c *converter) fields(node *Node, from *yaml.Node, depth int) {
	seen := map[string]diag.Position{}
	for i := 0; i+1 < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		at := c.position(key)
		first, twice := seen[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			c.problems.Add(at, 1, "write a plain name", "key is not a text")
		case key.Anchor != "" || key.Value == "<<" && key.Style == 0:
			c.problems.Add(at, len(key.Value), "write the fields out", "anchors and merge keys are not allowed")
		case twice:
			c.problems.Add(at, len(key.Value), "keep one of them", "%q is already written, at %s", key.Value, first)
		default:
			seen[key.Value] = at
			node.Fields = append(node.Fields, Field{Key: key.Value, KeyAt: at, Value: c.node(value, depth+1)})
		}
	}
}

// At is the position of a byte of the node's Text, or the node's own where Text does not stand in the file as it is.
func (n *Node) At(offset int) diag.Position {
	at := n.Position
	if n.Offset >= 0 {
		at.Column += n.Offset + offset
	}
	return at
}
