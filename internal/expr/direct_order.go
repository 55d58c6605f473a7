package expr

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// ordered compares a selected number or text with another, or with one that stands in the expression.
func (d direct) ordered(operator string, left, right ast.Expr) condition {
	one, other := d.operand(left), d.operand(right)
	if one == nil || other == nil {
		return nil
	}
	return func(names Activation) (bool, bool) {
		comparer, isComparer := one(names).(traits.Comparer)
		if !isComparer {
			return false, false
		}
		compared := other(names)
		if compared == nil {
			return false, false
		}
		order, decided := comparer.Compare(compared).(types.Int)
		return holds(operator, order), decided
	}
}

func holds(operator string, order types.Int) bool {
	switch operator {
	case operators.Less:
		return order < 0
	case operators.LessEquals:
		return order <= 0
	case operators.Greater:
		return order > 0
	default:
		return order >= 0
	}
}

// operand gives a side of a comparison; nil for what is left to CEL.
func (d direct) operand(e ast.Expr) func(Activation) ref.Val {
	if e.Kind() == ast.LiteralKind {
		literal := e.AsLiteral()
		return func(Activation) ref.Val { return literal }
	}
	if selected := d.chain(e); selected != nil {
		return selected.value
	}
	return nil
}

// numberIn is a number that stands in an expression; nil if it is none.
func numberIn(e ast.Expr) ref.Val {
	if e.Kind() != ast.LiteralKind || !isNumber(e.AsLiteral()) {
		return nil
	}
	return e.AsLiteral()
}

func isNumber(value ref.Val) bool {
	switch value.(type) {
	case types.Int, types.Uint, types.Double:
		return true
	default:
		return false
	}
}
