package source

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/reporter"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// importHint helps to find what an import means. The ends of paths are all alike, and say nothing.
func (c *protoCompiler) importHint(name string) string {
	var known []string
	for _, file := range append(slices.Clone(c.names), builtInNames()...) {
		known = append(known, strings.TrimSuffix(file, ".proto"))
	}
	if near := diag.Suggest(strings.TrimSuffix(name, ".proto"), known); near != "" {
		return fmt.Sprintf("did you mean %q?", near+".proto")
	}
	return "put it below " + c.display + "; built in are google/protobuf, google/rpc, buf/validate/validate.proto and sheaf/v1/partial.proto"
}

func (c *protoCompiler) reportCycle(last importOf, importers []string) {
	circle := append(slices.Clone(importers[slices.Index(importers, last.name):]), last.name)
	c.problems.Add(last.at, 1, "move what both need into a file of its own", "imports go in a circle: %s", strings.Join(circle, " -> "))
}

func (c *protoCompiler) reporter() reporter.Reporter {
	return reporter.NewReporter(func(err reporter.ErrorWithPos) error { return c.report(err) }, nil)
}

// report turns the compiler's error into a problem, or returns one that is not the author's. Of two about the same place,
// the parser's guess at what could stand there, and its surprise at what the lexer refused, say less than the other.
func (c *protoCompiler) report(err error) error {
	placed, ok := errors.AsType[reporter.ErrorWithPos](err)
	if !ok {
		return err
	}
	problem := diag.Problem{Position: c.position(placed.GetPosition()), Width: 1, Message: c.withPaths(placed.Unwrap().Error())}
	if last := len(*c.problems) - 1; last >= 0 && (*c.problems)[last].Position == problem.Position {
		switch {
		case problem.Message == "syntax error: unexpected error":
			return nil
		case strings.HasPrefix((*c.problems)[last].Message, "syntax error: expecting "):
			*c.problems = (*c.problems)[:last]
		}
	}
	*c.problems = append(*c.problems, problem)
	return nil
}

// withPaths writes the paths of other places that a message names as authors see them.
func (c *protoCompiler) withPaths(message string) string {
	for _, name := range c.names {
		message = strings.ReplaceAll(message, " at "+name+":", " at "+path.Join(c.display, name)+":")
	}
	return message
}

// position is a place in a file. The compiler counts characters, and eight for a tab; we count bytes.
func (c *protoCompiler) position(place ast.SourcePos) diag.Position {
	at := diag.Position{File: path.Join(c.display, place.Filename), Line: place.Line}
	if file := c.files[place.Filename]; file != nil && place.Line > 0 && place.Offset <= len(file.text) {
		at.Column = place.Offset - bytes.LastIndexByte(file.text[:place.Offset], '\n')
	}
	return at
}
