package expr

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Comparison is that of a selection with a text that stands in an expression, with ==, != or in.
type Comparison struct {
	// Selection is a name with the fields selected from it.
	Selection string
	// Text is what it is compared with, Offset its place in the expression, in bytes, and Width how long it is there.
	Text          string
	Offset, Width int
}

// comparisonsIn are those in an expression, in the order of their places.
func comparisonsIn(text string, checked *ast.AST) []Comparison {
	var found []Comparison
	add := func(selected, other ast.Expr) {
		literal, isText := textOf(other)
		chain := selection(selected)
		if !isText || chain == "" {
			return
		}
		at := checked.SourceInfo().GetStartLocation(other.ID())
		offset := byteOffset(text, at.Line(), at.Column())
		found = append(found, Comparison{Selection: chain, Text: literal, Offset: offset, Width: len(literal) + len(`""`)})
	}
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
			return
		}
		left, right := e.AsCall().Args()[0], e.AsCall().Args()[1]
		switch e.AsCall().FunctionName() {
		case operators.Equals, operators.NotEquals:
			add(left, right)
			add(right, left)
		case operators.In:
			if right.Kind() != ast.ListKind {
				return
			}
			for _, element := range right.AsList().Elements() {
				add(left, element)
			}
		}
	}))
	slices.SortStableFunc(found, func(a, b Comparison) int { return a.Offset - b.Offset })
	return found
}

// textOf is a text that stands in an expression.
func textOf(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	literal, isText := e.AsLiteral().(types.String)
	return string(literal), isText
}
