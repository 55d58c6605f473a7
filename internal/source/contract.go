package source

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// contract reads the contract that sheaf.yaml names: a directory of .proto files, or one descriptor set. It returns nil
// if it reported a problem.
func (l *loader) contract(at *Node) (*Contract, error) {
	root := l.path(at.Text)
	info, err := os.Stat(root)
	switch {
	case err != nil:
		return nil, l.missing(at, "a directory of .proto files, or a descriptor set", err)
	case !info.IsDir() && path.Ext(root) == ".proto":
		l.problems.Add(at.Position, at.width(), "name the directory that imports are relative to", "%s is one file of a contract", at.Text)
		return nil, nil
	case !info.IsDir():
		return l.descriptorSet(at, root)
	}
	names, err := protoFiles(root)
	if err != nil {
		return nil, fmt.Errorf("read contract: %w", err)
	}
	if len(names) == 0 {
		l.problems.Add(at.Position, at.width(), "the contract is what clients see; write it in Protobuf", "no .proto files in %s", at.Text)
		return nil, nil
	}
	files, err := l.compileProtos(root, filepath.ToSlash(at.Text), names)
	if files == nil || err != nil {
		return nil, err
	}
	return newContract(files)
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

// newContract gathers linked files and what they import.
func newContract(files linker.Files) (*Contract, error) {
	contract := &Contract{Files: &protoregistry.Files{}}
	for _, file := range files {
		registered, err := register(contract.Files, file)
		if err != nil {
			return nil, err
		}
		for i := range registered.Services().Len() {
			contract.Services = append(contract.Services, registered.Services().Get(i))
		}
	}
	sortServices(contract.Services)
	return contract, nil
}

func sortServices(services []protoreflect.ServiceDescriptor) {
	slices.SortFunc(services, func(a, b protoreflect.ServiceDescriptor) int { return cmp.Compare(a.FullName(), b.FullName()) })
}

// register adds a file and its imports, each once.
func register(files *protoregistry.Files, file protoreflect.FileDescriptor) (protoreflect.FileDescriptor, error) {
	if known, err := files.FindFileByPath(file.Path()); !errors.Is(err, protoregistry.NotFound) {
		return known, err
	}
	for i := range file.Imports().Len() {
		if _, err := register(files, file.Imports().Get(i).FileDescriptor); err != nil {
			return nil, err
		}
	}
	registered, err := resolved(files, file)
	if err != nil {
		return nil, err
	}
	if err := files.RegisterFile(registered); err != nil {
		return nil, fmt.Errorf("register %s: %w", file.Path(), err)
	}
	return registered, nil
}

// resolved is a file in protobuf-go's own descriptors, whose imports are among files. The linker's answer the same, but find out anew
// what features hold for a field whenever they are asked, which messages do for each of their fields.
func resolved(files *protoregistry.Files, file protoreflect.FileDescriptor) (protoreflect.FileDescriptor, error) {
	linked, ok := file.(linker.Result)
	if !ok {
		return file, nil // built in
	}
	made, err := protodesc.NewFile(linked.FileDescriptorProto(), files)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file.Path(), err)
	}
	return made, nil
}
