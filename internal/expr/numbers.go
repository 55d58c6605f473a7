package expr

import (
	"math"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/decls"
	celenv "cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/stdlib"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// CEL has no overload for 4.5 * 2, and JSON does not tell 4 from 4.0: with the standard operators, whether an expression
// over an answer works would depend on whether today's number happens to be whole. So arithmetic promotes where the
// operands' types differ at run time. What the checker accepts is unchanged.

// arithmetic are the operators of CEL's standard library that are replaced.
var arithmetic = map[string]func(lhs, rhs ref.Val) ref.Val{
	operators.Add: func(lhs, rhs ref.Val) ref.Val {
		if adder, ok := lhs.(traits.Adder); ok {
			return adder.Add(rhs)
		}
		return types.MaybeNoSuchOverloadErr(lhs)
	},
	operators.Subtract: func(lhs, rhs ref.Val) ref.Val {
		if subtractor, ok := lhs.(traits.Subtractor); ok {
			return subtractor.Subtract(rhs)
		}
		return types.MaybeNoSuchOverloadErr(lhs)
	},
	operators.Multiply: func(lhs, rhs ref.Val) ref.Val {
		if multiplier, ok := lhs.(traits.Multiplier); ok {
			return multiplier.Multiply(rhs)
		}
		return types.MaybeNoSuchOverloadErr(lhs)
	},
	operators.Divide: func(lhs, rhs ref.Val) ref.Val {
		if divider, ok := lhs.(traits.Divider); ok {
			return divider.Divide(rhs)
		}
		return types.MaybeNoSuchOverloadErr(lhs)
	},
	operators.Modulo: func(lhs, rhs ref.Val) ref.Val {
		if modder, ok := lhs.(traits.Modder); ok {
			return modder.Modulo(rhs)
		}
		return types.MaybeNoSuchOverloadErr(lhs)
	},
}

// standardLibrary is CEL's, with arithmetic that promotes.
func standardLibrary() []cel.EnvOption {
	subset := celenv.NewLibrarySubset()
	var promoting []*decls.FunctionDecl
	for _, function := range stdlib.Functions() {
		operate, replaced := arithmetic[function.Name()]
		if !replaced {
			continue
		}
		subset.AddExcludedFunctions(&celenv.Function{Name: function.Name()})
		promoting = append(promoting, promotingFunction(function, operate))
	}
	return []cel.EnvOption{cel.StdLib(cel.StdLibSubset(subset)), cel.FunctionDecls(promoting...)}
}

func promotingFunction(standard *decls.FunctionDecl, operate func(lhs, rhs ref.Val) ref.Val) *decls.FunctionDecl {
	options := []decls.FunctionOpt{decls.SingletonBinaryBinding(func(lhs, rhs ref.Val) ref.Val {
		return operate(promote(lhs, rhs))
	})}
	for _, overload := range standard.OverloadDecls() {
		options = append(options, decls.Overload(overload.ID(), overload.ArgTypes(), overload.ResultType()))
	}
	function, err := decls.NewFunction(standard.Name(), options...)
	if err != nil {
		panic(err) // the declarations are the standard library's own
	}
	return function
}

// promote gives two numbers one type where that loses nothing; other values are returned as they are.
func promote(lhs, rhs ref.Val) (ref.Val, ref.Val) {
	if lhs.Type() == rhs.Type() {
		return lhs, rhs
	}
	if _, ok := lhs.(types.Double); ok {
		return lhs, toDouble(rhs)
	}
	if _, ok := rhs.(types.Double); ok {
		return toDouble(lhs), rhs
	}
	return toInt(lhs), toInt(rhs)
}

func toDouble(value ref.Val) ref.Val {
	switch whole := value.(type) {
	case types.Int:
		if whole > -1<<53 && whole < 1<<53 {
			return types.Double(whole)
		}
	case types.Uint:
		if whole < 1<<53 {
			return types.Double(whole)
		}
	}
	return value
}

func toInt(value ref.Val) ref.Val {
	if whole, ok := value.(types.Uint); ok && whole <= math.MaxInt64 {
		return types.Int(whole)
	}
	return value
}
