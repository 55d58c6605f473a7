package source

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// converter turns YAML's nodes into ours.
type converter struct {
	yamlFile

	problems *diag.Problems
}

func (c *converter) node(from *yaml.Node, depth int) *Node {
	at := c.position(from.Line, from.Column)
	node := &Node{Position: at, Text: from.Value, Offset: -1}
	switch {
	case depth > maxNesting:
		c.problems.Add(at, 1, "flatten it", "file is nested more than %d deep", maxNesting)
		return node
	case from.Kind == yaml.AliasNode:
		c.problems.Add(at, 1, "write the value out", "anchors and aliases are not allowed")
		return node
	case from.Anchor != "":
		c.problems.Add(at, 1, "write the value out", "anchors and aliases are not allowed")
	}
	switch from.Kind {
	case yaml.MappingNode:
		node.Kind = Map
		c.fields(node, from, depth)
	case yaml.SequenceNode:
		node.Kind = List
		for _, item := range from.Content {
			node.Items = append(node.Items, c.node(item, depth+1))
		}
	default:
		node.Kind = scalarKind(from)
		c.place(node, from)
	}
	c.checkTag(node, from)
	return node
}

func (c *converter) fields(node *Node, from *yaml.Node, depth int) {
	seen := map[string]diag.Position{}
	for i := 0; i+1 < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		at := c.position(key.Line, key.Column)
		first, twice := seen[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			c.problems.Add(at, 1, "write a plain name", "key is not a text")
		case key.Anchor != "" || key.Value == "<<" && key.Style == 0:
			c.problems.Add(at, len(key.Value), "write the fields out", "anchors and merge keys are not allowed")
		case key.Style&yaml.TaggedStyle != 0:
			c.problems.Add(at, len(key.Tag), "remove it", "tag %s is not allowed", key.Tag)
		case twice:
			c.problems.Add(at, len(key.Value), "keep one of them", "%q is already written, at %s", key.Value, first)
		default:
			seen[key.Value] = at
			node.Fields = append(node.Fields, Field{Key: key.Value, KeyAt: at, Value: c.node(value, depth+1)})
		}
	}
}

const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle

// coreForms are the plain scalars of YAML 1.2's core schema that are no texts.
var coreForms = []struct {
	kind Kind
	form *regexp.Regexp
}{
	{Null, regexp.MustCompile(`^(null|Null|NULL|~|)$`)},
	{Bool, regexp.MustCompile(`^(true|True|TRUE|false|False|FALSE)$`)},
	{Int, regexp.MustCompile(`^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$`)},
	{Float, regexp.MustCompile(`^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)},
}

// plainKind is the kind of a scalar without quotes. yes, no, on and off are texts, as are 1_000 and 2001-01-01.
func plainKind(text string) Kind {
	for _, core := range coreForms {
		if core.form.MatchString(text) {
			return core.kind
		}
	}
	return String
}

func scalarKind(from *yaml.Node) Kind {
	const texts = quoted | yaml.LiteralStyle | yaml.FoldedStyle
	if from.Style&texts != 0 || from.Tag == "!" || from.Style&yaml.TaggedStyle != 0 && from.Tag == "!!str" {
		return String
	}
	return plainKind(from.Value)
}

// coreTags are the tags that say what a value is anyway, and !!str, which says what quotes say too.
var coreTags = map[string]Kind{
	"!!null": Null, "!!bool": Bool, "!!int": Int, "!!float": Float, "!!str": String, "!!seq": List, "!!map": Map,
}

func (c *converter) checkTag(node *Node, from *yaml.Node) {
	if from.Style&yaml.TaggedStyle == 0 {
		return
	}
	switch kind, core := coreTags[from.Tag]; {
	case !core:
		c.problems.Add(node.Position, len(from.Tag), "remove it", "tag %s is not allowed", from.Tag)
	case kind != node.Kind:
		c.problems.Add(node.Position, len(from.Tag), "remove it", "tag %s stands before %s", from.Tag, node.Kind)
	}
}

// place finds out where a scalar's text stands in its line, if it stands there byte for byte.
func (c *converter) place(node *Node, from *yaml.Node) {
	quote := 0
	if from.Style&quoted != 0 {
		quote = 1
	}
	line := c.rest(node.Position)
	if len(line) >= quote && strings.HasPrefix(line[quote:], from.Value) {
		node.Offset = quote
		node.span = len(from.Value) + 2*quote
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

// width is how many bytes a problem with the whole node marks.
func (n *Node) width() int {
	if n.span > 0 {
		return n.span
	}
	return len(n.Text)
}

// originHint helps to find a value that the file does not show.
func (n *Node) originHint() string {
	if n.filled {
		return "its value comes from the environment"
	}
	return ""
}

func (n *Node) isScalar() bool { return n.Kind != Map && n.Kind != List }

// String is the kind in plain words.
func (k Kind) String() string {
	return [...]string{"nothing", "true or false", "a whole number", "a decimal number", "a text", "a list", "a map"}[k]
}
