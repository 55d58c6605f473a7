package source

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// descriptorProto is what other files depend on without importing it: it says which options there are.
const descriptorProto = "google/protobuf/descriptor.proto"

// protoCompiler compiles the .proto files of a directory one after the other, each after what it imports. So every file's
// problems are found, and two runs find the same ones.
type protoCompiler struct {
	// display is the directory as sheaf.yaml names it.
	display  string
	problems *diag.Problems
	names    []string
	files    map[string]*protoFile
	// symbols are the names that are declared so far.
	symbols linker.Symbols
}

type protoFile struct {
	name    string
	imports []importOf
	state   state
	// text and tree are those of a file of the directory; builtIn is another file, which imports one of these.
	text    []byte
	tree    *ast.FileNode
	builtIn *descriptorpb.FileDescriptorProto
	// linked is set when the file is done; nil if it, or a file that it imports, has a problem.
	linked linker.File
}

type importOf struct {
	name string
	at   diag.Position
}

// state is how far a file is. One that is met again while it is underway imports itself.
type state int

const (
	parsed state = iota
	underway
	done
)

// compileProtos compiles .proto files, which are named relative to root. What they import is among them, or is built in. It
// returns nil if it reported a problem.
func (l *loader) compileProtos(root, display string, names []string) (linker.Files, error) {
	compiler := &protoCompiler{display: display, problems: &l.problems, names: names, files: map[string]*protoFile{}}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return nil, fmt.Errorf("read contract: %w", err)
		}
		compiler.files[name] = &protoFile{name: name, text: text}
	}
	compiler.adoptBuiltIns()
	before := len(l.problems)
	for _, name := range names {
		compiler.parse(compiler.files[name])
	}
	if err := compiler.linkAll(); err != nil {
		return nil, fmt.Errorf("compile contract: %w", err)
	}
	if len(l.problems) > before {
		return nil, nil
	}
	var files linker.Files
	for _, name := range names {
		files = append(files, compiler.files[name].linked)
	}
	return files, nil
}

// adoptBuiltIns adds what is built in and imports a file that the directory has a copy of, so that it is linked with that
// copy: there can be only one google.protobuf.Duration.
func (c *protoCompiler) adoptBuiltIns() {
	for again := true; again; {
		again = false
		for _, file := range builtIns {
			if c.files[file.Path()] != nil || !c.importsOwn(file) {
				continue
			}
			adopted := &protoFile{name: file.Path(), builtIn: protodesc.ToFileDescriptorProto(file)}
			for _, name := range adopted.builtIn.GetDependency() {
				adopted.imports = append(adopted.imports, importOf{name, diag.Position{File: path.Join(c.display, adopted.name)}})
			}
			c.files[adopted.name], again = adopted, true
		}
	}
}

func (c *protoCompiler) importsOwn(file protoreflect.FileDescriptor) bool {
	for i := range file.Imports().Len() {
		if c.files[file.Imports().Get(i).Path()] != nil {
			return true
		}
	}
	return false
}

// parse reads a file's syntax, and looks for what it imports. A file with a problem is done.
func (c *protoCompiler) parse(file *protoFile) {
	before := len(*c.problems)
	handler := reporter.NewHandler(c.reporter())
	tree, err := parser.Parse(file.name, bytes.NewReader(file.text), handler)
	if tree != nil {
		file.tree = tree
		c.checkImports(file)
	}
	if err != nil || len(*c.problems) > before {
		file.state = done
	}
}

func (c *protoCompiler) checkImports(file *protoFile) {
	for _, declaration := range file.tree.Decls {
		one, ok := declaration.(*ast.ImportNode)
		if !ok {
			continue
		}
		found := importOf{name: one.Name.AsString(), at: c.position(file.tree.NodeInfo(one.Name).Start())}
		if c.files[found.name] == nil && builtIn(found.name) == nil {
			c.problems.Add(found.at, 1, c.importHint(found.name), "import %q is not found", found.name)
			continue
		}
		file.imports = append(file.imports, found)
	}
}
