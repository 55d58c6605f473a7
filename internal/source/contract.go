package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// contract reads the contract that sheaf.yaml names: a directory of .proto files, or one descriptor set. It returns nil
// if it reported a problem.
func (l *loader) contract(at *Node) (*Contract, error) {
	root := l.path(at.Text)
	info, err := os.Stat(root)
	switch {
	case err != nil:
		return nil, l.missing(at, "a directory of .proto files, or a descriptor set", err)
	case !info.IsDir():
		return l.descriptorSet(at, root)
	}
	names, err := protoFiles(root)
	if err != nil {
		return nil, fmt.Errorf("read contract: %w", err)
	}
	if len(names) == 0 {
		l.problems.Add(at.Position, len(at.Text), "the contract is what clients see; write it in Protobuf", "no .proto files in %s", at.Text)
		return nil, nil
	}
	return l.compile(root, filepath.ToSlash(at.Text), names)
}

// protoFiles are the .proto files below a directory, relative to it; hidden directories are skipped.
func protoFiles(root string) ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case !entry.IsDir() && path.Ext(name) == ".proto":
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// compile compiles .proto files. What they import comes from the directory first, and then from what is built in.
func (l *loader) compile(root, display string, names []string) (*Contract, error) {
	report := func(err reporter.ErrorWithPos) error {
		l.reportProto(display, names, err)
		return nil
	}
	compiler := protocompile.Compiler{
		Resolver: protocompile.CompositeResolver{
			&protocompile.SourceResolver{ImportPaths: []string{root}},
			protocompile.ResolverFunc(builtIn),
		},
		Reporter:       reporter.NewReporter(report, nil),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	before := len(l.problems)
	files, err := compiler.Compile(context.Background(), names...)
	if placed, ok := errors.AsType[reporter.ErrorWithPos](err); ok && len(l.problems) == before {
		l.reportProto(display, names, placed)
	}
	if len(l.problems) > before {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("compile contract: %w", err)
	}
	return newContract(files)
}

// reportProto turns a compiler's error into a problem.
func (l *loader) reportProto(display string, names []string, err reporter.ErrorWithPos) {
	place := err.GetPosition()
	name := filepath.ToSlash(place.Filename)
	if relative, relErr := filepath.Rel(l.dir, place.Filename); relErr == nil && filepath.IsAbs(place.Filename) {
		name = filepath.ToSlash(relative)
	} else if !strings.HasPrefix(name, display+"/") {
		name = path.Join(display, name)
	}
	message, hint := err.Unwrap().Error(), ""
	if missing, found := missingImport(l.path(display), err); found {
		message = fmt.Sprintf("import %q is not found", missing)
		hint = "put it below " + display + "; built in are google/protobuf, google/rpc, buf/validate/validate.proto and sheaf/v1/partial.proto"
		if near := diag.Suggest(missing, append(slices.Clone(names), builtInNames()...)); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
	}
	width := 1
	l.problems.Add(diag.Position{File: name, Line: place.Line, Column: place.Col}, width, hint, "%s", message)
}

// missingImport is the path of an import that is neither below the contract's root nor built in.
func missingImport(root string, err error) (string, bool) {
	notFound, ok := errors.AsType[*fs.PathError](err)
	if !ok || !errors.Is(notFound, fs.ErrNotExist) {
		return "", false
	}
	name, relErr := filepath.Rel(root, notFound.Path)
	return filepath.ToSlash(name), relErr == nil
}

// newContract gathers linked files and what they import.
func newContract(files linker.Files) (*Contract, error) {
	contract := &Contract{Files: &protoregistry.Files{}}
	for _, file := range files {
		if err := register(contract.Files, file); err != nil {
			return nil, err
		}
		for i := range file.Services().Len() {
			contract.Services = append(contract.Services, file.Services().Get(i))
		}
	}
	sortServices(contract.Services)
	return contract, nil
}

func sortServices(services []protoreflect.ServiceDescriptor) {
	slices.SortFunc(services, func(a, b protoreflect.ServiceDescriptor) int { return cmp.Compare(a.FullName(), b.FullName()) })
}

// register adds a file and its imports, each once.
func register(files *protoregistry.Files, file protoreflect.FileDescriptor) error {
	if _, err := files.FindFileByPath(file.Path()); !errors.Is(err, protoregistry.NotFound) {
		return nil
	}
	for i := range file.Imports().Len() {
		if err := register(files, file.Imports().Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	if err := files.RegisterFile(file); err != nil {
		return fmt.Errorf("register %s: %w", file.Path(), err)
	}
	return nil
}
