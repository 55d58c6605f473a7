package source

import (
	"context"

	"github.com/bufbuild/protocompile"
)

func (c *protoCompiler) linkAll() error {
	names := c.names
	if c.files[descriptorProto] != nil {
		names = append([]string{descriptorProto}, names...)
	}
	for _, name := range names {
		if err := c.link(c.files[name], nil); err != nil {
			return err
		}
	}
	return nil
}

// link links a file after what it imports. importers are the files on the way to it. A file that imports one with a problem
// is left alone: what is wrong there would only be said again.
func (c *protoCompiler) link(file *protoFile, importers []string) error {
	if file.state != parsed {
		return nil
	}
	file.state = underway
	importers = append(importers, file.name)
	complete := true
	for _, one := range file.imports {
		imported := c.files[one.name]
		if imported == nil {
			continue
		}
		if imported.state == underway {
			c.reportCycle(one, importers)
		}
		if err := c.link(imported, importers); err != nil {
			return err
		}
		complete = complete && imported.linked != nil
	}
	file.state = done
	if !complete {
		return nil
	}
	return c.compile(file)
}

// compile turns a file whose imports are linked into descriptors.
func (c *protoCompiler) compile(file *protoFile) error {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.ResolverFunc(c.find),
		Reporter:       c.reporter(),
		SourceInfoMode: protocompile.SourceInfoStandard,
		Symbols:        &c.symbols,
	}
	before := len(*c.problems)
	files, err := compiler.Compile(context.Background(), file.name)
	switch {
	case len(*c.problems) > before:
		return nil
	case err != nil:
		return c.report(err)
	}
	file.linked, file.tree = files[0], nil
	return nil
}

// find is where a file's imports come from: the directory, or else what is built in.
func (c *protoCompiler) find(name string) (protocompile.SearchResult, error) {
	switch file := c.files[name]; {
	case file == nil:
		return findBuiltIn(name)
	case file.linked != nil:
		return protocompile.SearchResult{Desc: file.linked}, nil
	case file.builtIn != nil:
		return protocompile.SearchResult{Proto: file.builtIn}, nil
	default:
		return protocompile.SearchResult{AST: file.tree}, nil
	}
}
