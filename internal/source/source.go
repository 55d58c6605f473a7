// Package source is for reading what an author wrote, sheaf.yaml, the binding files and the contract, into typed messages
// and trees that know their positions. It resolves nothing between files; that is compile's part.
package source

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// Project is everything that an author wrote. It is not to be changed.
type Project struct {
	// Dir is the directory that holds sheaf.yaml, as it was given.
	Dir string
	// Config is sheaf.yaml with its ${env.NAME} holes filled and file paths of secrets made relative to the working
	// directory.
	Config     *configv1.Config
	ConfigFile *File
	// Bindings are the binding files in the order of their names.
	Bindings []Binding
	Contract *Contract
	// Accounts is the file of accounts; nil if there is none.
	Accounts *AccountFile
}

// AccountFile is the file of accounts, with its holes filled as sheaf.yaml's are.
type AccountFile struct {
	*File
	Message *configv1.AccountFile
}

// Binding is a binding file: as a message for its settings, as a tree for its order, expressions and positions.
type Binding struct {
	*File
	Message *configv1.Binding
}

// Contract is the set of .proto files that clients see, linked.
type Contract struct {
	// Files holds every file of the contract and what they import.
	Files *protoregistry.Files
	// Services are those that the contract's own files declare, sorted by full name; services of imports are not among
	// them.
	Services []protoreflect.ServiceDescriptor
}

// File is one YAML file.
type File struct {
	// Path is relative to the project's directory, with slashes.
	Path string
	Text []byte
	// Root is the document; never nil, a null scalar if the file is empty.
	Root *Node
}

// Kind is what a Node is.
type Kind int

// The kinds of nodes. A scalar's kind follows YAML 1.2's core schema.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
)

// Node is a value of a YAML file with its position.
type Node struct {
	Kind     Kind
	Position diag.Position
	// Text is a scalar's value: a string's content, or the literal as written.
	Text string
	// Offset is how many bytes after Position the first byte of Text stands on the same line, if Text stands in the file
	// byte for byte on one line (a plain scalar, or a quoted one without escapes); -1 otherwise.
	Offset int
	// Fields are a map's entries in the order of the file; keys are unique.
	Fields []Field
	// Items are a list's elements.
	Items []*Node

	// span is how many bytes a scalar takes in its line, with quotes; 0 if it is not known.
	span int
	// filled says that Text had holes for the environment, open that there was nothing to fill one of them with.
	filled, open bool
}

// Field is one entry of a map.
type Field struct {
	Key   string
	KeyAt diag.Position
	Value *Node
}

// Get returns the node at a path of keys, or nil. A nil Node has no fields.
func (n *Node) Get(path ...string) *Node {
	for _, key := range path {
		if n = n.field(key); n == nil {
			return nil
		}
	}
	return n
}

func (n *Node) field(key string) *Node {
	if n == nil {
		return nil
	}
	for i := range n.Fields {
		if n.Fields[i].Key == key {
			return n.Fields[i].Value
		}
	}
	return nil
}
