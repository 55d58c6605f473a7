package expr

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// condition is an expression, or a part of one, that is evaluated without CEL. It decides only where nothing is missing and everything is of
// the type that it looks for; all else is left to CEL, which has the last word on what it means. So it never says anything else than CEL would.
type condition func(Activation) (holds, decided bool)

// direct makes conditions of those expressions that most conditions are: comparisons of texts and numbers, looks into lists of texts, has(),
// and what joins them. A condition or a chain is nil for any other expression.
type direct struct {
	checked *ast.AST
	adapter adapter
}

// makeDirect finds out what of a program need not be left to CEL.
func (p *Program) makeDirect(checked *ast.AST) {
	known, ours := p.adapter.(adapter)
	if !ours {
		return
	}
	d := direct{checked, known}
	p.condition = d.condition(checked.Expr())
	p.selected = d.chain(checked.Expr())
}

// Selected is the text that the program gives, if the program is a name with fields selected from it and leads to a text. False says only that
// it has to be evaluated.
func (p *Program) Selected(names Activation) (string, bool) {
	if p.selected == nil {
		return "", false
	}
	return p.selected.text(names)
}

func (d direct) condition(e ast.Expr) condition {
	switch e.Kind() {
	case ast.LiteralKind:
		literal, isBool := e.AsLiteral().(types.Bool)
		if !isBool {
			return nil
		}
		return func(Activation) (bool, bool) { return bool(literal), true }
	case ast.SelectKind:
		if e.AsSelect().IsTestOnly() {
			return d.presence(e.AsSelect())
		}
		return d.flag(e)
	case ast.CallKind:
		return d.call(e.AsCall())
	default:
		return nil
	}
}

func (d direct) call(call ast.CallExpr) condition {
	args := call.Args()
	switch call.FunctionName() {
	case operators.LogicalAnd:
		return d.joined(args, false)
	case operators.LogicalOr:
		return d.joined(args, true)
	case operators.LogicalNot:
		return not(d.condition(args[0]))
	case operators.Equals:
		return d.equal(args[0], args[1])
	case operators.NotEquals:
		return not(d.equal(args[0], args[1]))
	case operators.In:
		return d.member(args[0], args[1])
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return d.ordered(call.FunctionName(), args[0], args[1])
	default:
		return nil
	}
}

// joined is decided by the first part that is what decides: false for &&, true for ||.
func (d direct) joined(args []ast.Expr, decides bool) condition {
	parts := make([]condition, len(args))
	for i, arg := range args {
		if parts[i] = d.condition(arg); parts[i] == nil {
			return nil
		}
	}
	return func(names Activation) (bool, bool) {
		for _, part := range parts {
			if holds, decided := part(names); !decided || holds == decides {
				return holds, decided
			}
		}
		return !decides, true
	}
}

func not(inner condition) condition {
	if inner == nil {
		return nil
	}
	return func(names Activation) (bool, bool) {
		holds, decided := inner(names)
		return !holds, decided
	}
}

// equal compares a selected text with one that stands in the expression, or with another that is selected.
func (d direct) equal(left, right ast.Expr) condition {
	if left.Kind() == ast.LiteralKind {
		left, right = right, left
	}
	one := d.chain(left)
	if one == nil {
		return nil
	}
	if literal, isText := textOf(right); isText {
		return func(names Activation) (bool, bool) {
			text, found := one.text(names)
			return text == literal, found
		}
	}
	if number := numberIn(right); number != nil {
		return func(names Activation) (bool, bool) {
			value := one.value(names)
			return isNumber(value) && value.Equal(number) == types.True, isNumber(value)
		}
	}
	other := d.chain(right)
	if other == nil {
		return nil
	}
	return func(names Activation) (bool, bool) {
		text, found := one.text(names)
		if !found {
			return false, false
		}
		compared, found := other.text(names)
		return text == compared, found
	}
}

// member looks for a text in a selected list, or for a selected text among those that stand in the expression.
func (d direct) member(element, list ast.Expr) condition {
	if literal, isText := textOf(element); isText {
		within := d.chain(list)
		if within == nil {
			return nil
		}
		boxed := ref.Val(types.String(literal)) // once
		return func(names Activation) (bool, bool) {
			holder, isList := within.value(names).(traits.Lister)
			if !isList {
				return false, false
			}
			found, decided := holder.Contains(boxed).(types.Bool)
			return bool(found), decided
		}
	}
	selected, literals := d.chain(element), textsOf(list)
	if selected == nil || literals == nil {
		return nil
	}
	return func(names Activation) (bool, bool) {
		text, found := selected.text(names)
		return found && slices.Contains(literals, text), found
	}
}

// textsOf are the texts of a list that stands in an expression; nil if it is none.
func textsOf(list ast.Expr) []string {
	if list.Kind() != ast.ListKind || len(list.AsList().OptionalIndices()) > 0 {
		return nil
	}
	texts := make([]string, 0, list.AsList().Size())
	for _, element := range list.AsList().Elements() {
		text, isText := textOf(element)
		if !isText {
			return nil
		}
		texts = append(texts, text)
	}
	return texts
}

// flag is a selected value that is true or false.
func (d direct) flag(e ast.Expr) condition {
	selected := d.chain(e)
	if selected == nil {
		return nil
	}
	return func(names Activation) (bool, bool) {
		flag, isBool := selected.value(names).(types.Bool)
		return bool(flag), isBool
	}
}

// presence is has().
func (d direct) presence(selected ast.SelectExpr) condition {
	within, name := d.chain(selected.Operand()), d.fieldOf(selected)
	if within == nil {
		return nil
	}
	return func(names Activation) (bool, bool) {
		root, _ := names.Resolve(within.root)
		switch holder := within.end(root).(type) {
		case *object:
			value, found := name.of(holder, d.adapter)
			return found, !found || !types.IsError(value) // of a value that is wrong CEL says so
		case Parts:
			part, found := holder.Part(name.name)
			return found, !found || !types.IsError(d.adapter.NativeToValue(part))
		default:
			return false, false
		}
	}
}
