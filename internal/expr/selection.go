package expr

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// provenBy are the selections within has() in a condition, or in the parts of one that all have to be true.
func provenBy(condition ast.Expr) []string {
	if condition.Kind() == ast.CallKind && condition.AsCall().FunctionName() == operators.LogicalAnd {
		var proven []string
		for _, part := range condition.AsCall().Args() {
			proven = append(proven, provenBy(part)...)
		}
		return proven
	}
	if condition.Kind() == ast.SelectKind && condition.AsSelect().IsTestOnly() {
		return []string{selection(condition)}
	}
	return nil
}

// selectionsIn are the longest chains of selections that begin with a name. Variables of macros are no such names.
func selectionsIn(root ast.Expr) []string {
	var found []string
	var visit func(ast.Expr, []string)
	visit = func(e ast.Expr, bound []string) {
		if chain := selection(e); chain != "" {
			if root, _, _ := strings.Cut(chain, "."); !slices.Contains(bound, root) {
				found = append(found, chain)
			}
			return
		}
		if e.Kind() == ast.ComprehensionKind {
			loop := e.AsComprehension()
			visit(loop.IterRange(), bound)
			visit(loop.AccuInit(), bound)
			inside := append(slices.Clone(bound), loop.IterVar(), loop.IterVar2(), loop.AccuVar())
			visit(loop.LoopCondition(), inside)
			visit(loop.LoopStep(), inside)
			visit(loop.Result(), inside)
			return
		}
		for _, child := range childrenOf(e) {
			visit(child, bound)
		}
	}
	visit(root, nil)
	slices.Sort(found)
	return slices.Compact(found)
}

// selection is a name with the fields selected from it, be it with . or .?, or "".
func selection(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		if operand := selection(e.AsSelect().Operand()); operand != "" {
			return operand + "." + e.AsSelect().FieldName()
		}
	case ast.CallKind:
		if call := e.AsCall(); call.FunctionName() == operators.OptSelect {
			if operand := selection(call.Args()[0]); operand != "" {
				return operand + "." + string(call.Args()[1].AsLiteral().(types.String))
			}
		}
	}
	return ""
}

// childrenOf are the parts of an expression.
func childrenOf(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.SelectKind:
		return []ast.Expr{e.AsSelect().Operand()}
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			return append([]ast.Expr{call.Target()}, call.Args()...)
		}
		return call.Args()
	case ast.ListKind:
		return e.AsList().Elements()
	case ast.MapKind:
		var parts []ast.Expr
		for _, entry := range e.AsMap().Entries() {
			parts = append(parts, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return parts
	case ast.StructKind:
		var parts []ast.Expr
		for _, field := range e.AsStruct().Fields() {
			parts = append(parts, field.AsStructField().Value())
		}
		return parts
	default:
		return nil
	}
}

// blocked is the first selection that leads through a value which is no object, or "". CEL takes it for a missing key; but a
// text where an object was is a change of the upstream's, and no absence.
func (p *Program) blocked(names Activation) string {
	for _, chain := range p.Selections {
		fields := strings.Split(chain, ".")
		value, ok := names.Resolve(fields[0])
		if !ok {
			continue
		}
		if isBlocked(p.adapter.NativeToValue(value), fields[1:]) {
			return chain
		}
	}
	return ""
}

func isBlocked(value ref.Val, fields []string) bool {
	for _, field := range fields {
		switch holder := value.(type) {
		case traits.Mapper:
			member, ok := holder.Find(types.String(field))
			if !ok {
				return false
			}
			value = member
		case types.Bool, types.Int, types.Uint, types.Double, types.String, traits.Lister:
			return true
		default: // null, or a message, whose fields are known
			return false
		}
	}
	return false
}
