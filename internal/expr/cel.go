package expr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// maxExpression bounds the length of an expression in bytes.
const maxExpression = 10_000

// interruptEvery is how many steps of a loop inside an expression run between two looks at the deadline.
const interruptEvery = 100

// maxCost bounds what a bounded expression with a loop may cost, in CEL's own units: about one for each step. They take some 0.3 s.
const maxCost = 1_000_000

// Env compiles expressions over the types of one contract. It is safe for concurrent use.
type Env struct {
	cel *cel.Env
	// bounded is set if what expressions cost is bounded.
	bounded bool
}

// Bounded is the same environment for expressions that are evaluated of everybody's requests, before anything else bounds what these ask
// for: one that costs too much fails.
func (e *Env) Bounded() *Env { return &Env{cel: e.cel, bounded: true} }

// Variable is a declared name and its type.
type Variable struct {
	Name string
	Type *cel.Type
}

// NewEnv is the environment of the contract in files, with what a program adds to the language.
func NewEnv(files *protoregistry.Files, extensions ...cel.EnvOption) (*Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("create type registry: %w", err)
	}
	options := []cel.EnvOption{
		cel.CustomTypeProvider(registry),
		cel.CustomTypeAdapter(adapter{registry}),
		cel.TypeDescs(files),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.OptionalTypes(),
		cel.EnableErrorOnBadPresenceTest(true), // a text where an object was is no absence
		ext.Strings(),
		ext.Math(),
		ext.Lists(),
		ext.Encoders(ext.EncodersVersion(1)), // the JSON of later versions goes through floats
	}
	options = slices.Concat(standardLibrary(), options, library(adapter{registry}), extensions)
	env, err := cel.NewCustomEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("create expression environment: %w", err)
	}
	return &Env{cel: env}, nil
}

// With is an environment that knows these names besides those it knew.
func (e *Env) With(variables ...Variable) (*Env, error) {
	options := make([]cel.EnvOption, len(variables))
	for i, variable := range variables {
		options[i] = cel.Variable(variable.Name, variable.Type)
	}
	extended, err := e.cel.Extend(options...)
	if err != nil {
		return nil, fmt.Errorf("declare names: %w", err)
	}
	return &Env{cel: extended, bounded: e.bounded}, nil
}

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	// Text is the expression as written.
	Text string
	// Type is what it gives, as far as can be known before the first request; dyn where it depends on an answer.
	Type *cel.Type
	// Names are the declared names that it uses, sorted.
	Names []string
	// Selections are the names that it uses with the fields selected from them, such as request.text, sorted.
	Selections []string
	// Proves are the selections that there is a value for whenever the expression, a condition, is true: those of has().
	Proves []string
	// Compared are its comparisons of selections with texts.
	Compared []Comparison

	program cel.Program
	adapter types.Adapter
	// loops is set if the expression goes over something, so that it may take long.
	loops bool
	// condition and selected are the program without CEL; nil for most.
	condition condition
	selected  *chain
}

// Compile compiles an expression, or returns everything that is wrong with it.
func (e *Env) Compile(text string) (*Program, []*Error) {
	checked, issues := e.cel.Compile(text)
	if issues.Err() != nil {
		return nil, e.explain(text, issues)
	}
	if mistake := findNullComparison(checked.NativeRep()); mistake != nil {
		return nil, []*Error{mistake}
	}
	loops := hasLoop(checked.NativeRep().Expr())
	options := []cel.ProgramOption{cel.InterruptCheckFrequency(interruptEvery), cel.EvalOptions(cel.OptOptimize)}
	if e.bounded && loops { // without one, the length of the expression bounds it, and to count costs time
		options = append(options, cel.CostLimit(maxCost))
	}
	program, err := e.cel.Program(checked, options...)
	if err != nil {
		return nil, []*Error{{Width: len(text), Message: "expression cannot be evaluated: " + err.Error()}}
	}
	compiled := &Program{Text: text, Type: checked.OutputType(), Names: e.namesIn(checked.NativeRep()), program: program, adapter: e.cel.CELTypeAdapter()}
	compiled.Selections = selectionsIn(checked.NativeRep().Expr())
	compiled.Compared = comparisonsIn(text, checked.NativeRep())
	compiled.Proves = provenBy(checked.NativeRep().Expr())
	compiled.loops = loops
	compiled.makeDirect(checked.NativeRep())
	return compiled, nil
}

// namesIn are the declared variables that an expression refers to; loop variables of macros are not among them.
func (e *Env) namesIn(checked *ast.AST) []string {
	declared := map[string]bool{}
	for _, variable := range e.cel.Variables() {
		declared[variable.Name()] = true
	}
	var names []string
	for _, reference := range checked.ReferenceMap() {
		if declared[reference.Name] && !slices.Contains(names, reference.Name) {
			names = append(names, reference.Name)
		}
	}
	slices.Sort(names)
	return names
}

// findNullComparison refuses x == null: null and missing are one thing here, so the comparison could never be true.
func findNullComparison(checked *ast.AST) *Error {
	var found *Error
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "_==_" && e.AsCall().FunctionName() != "_!=_" {
			return
		}
		for _, argument := range e.AsCall().Args() {
			if argument.Kind() == ast.LiteralKind && argument.AsLiteral() == types.NullValue {
				start := checked.SourceInfo().GetStartLocation(argument.ID())
				found = &Error{
					Offset: start.Column(), Width: len("null"),
					Message: "null cannot be compared with",
					Hint:    "null and missing are one thing; ask has(x.y)",
				}
			}
		}
	}))
	return found
}

// Outcome says what became of an evaluation.
type Outcome int

// The outcomes of an evaluation.
const (
	// Found: there is a value.
	Found Outcome = iota
	// Missing: the expression looked at a value that is missing or null, or gave null or optional.none().
	Missing
	// Failed: the expression met a value that it cannot work with.
	Failed
)

// Activation gives the values of declared names during one evaluation. A value is a *JSON, Parts, a CEL value, or a message of
// the contract; false means that the name has no value.
type Activation interface {
	Resolve(name string) (any, bool)
}

// Eval evaluates the program. The error is nil unless the outcome is Failed; its text quotes no value from an answer
// beyond what the expression itself computes with.
func (p *Program) Eval(ctx context.Context, names Activation) (ref.Val, Outcome, error) {
	if p.condition != nil {
		if holds, decided := p.condition(names); decided {
			return types.Bool(holds), Found, nil
		}
	}
	value, err := p.eval(ctx, &activation{names})
	switch {
	case err != nil && isMissing(err):
		if blocked := p.blocked(names); blocked != "" {
			return nil, Failed, fmt.Errorf("evaluate %s: what should hold %s is no object", p.Text, blocked)
		}
		return nil, Missing, nil
	case isCostly(err):
		return nil, Failed, fmt.Errorf("evaluate %s: %w", p.Text, ErrCost)
	case err != nil:
		return nil, Failed, fmt.Errorf("evaluate %s: %w", p.Text, err)
	}
	if optional, ok := value.(*types.Optional); ok {
		if !optional.HasValue() {
			return nil, Missing, nil
		}
		value = optional.GetValue()
	}
	if value == types.NullValue {
		return nil, Missing, nil
	}
	return value, Found, nil
}

// eval looks at the deadline only where there is a loop that it could end: to do so costs as much as a short expression.
func (p *Program) eval(ctx context.Context, names *activation) (value ref.Val, err error) {
	if p.loops {
		value, _, err = p.program.ContextEval(ctx, names)
	} else {
		value, _, err = p.program.Eval(names)
	}
	return value, err
}

// hasLoop reports whether an expression has a macro that goes over a list or a map.
func hasLoop(root ast.Expr) bool {
	found := false
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) { found = found || e.Kind() == ast.ComprehensionKind }))
	return found
}

// ErrCost says that a bounded expression costs too much.
var ErrCost = errors.New("it costs too much")

func isCostly(err error) bool {
	cancelled, ok := errors.AsType[interpreter.EvalCancelledError](err)
	return ok && cancelled.Cause == interpreter.CostLimitExceeded
}

// isMissing reports whether an evaluation ended because a key, an index or a name has no value. CEL's own errors for
// that have no exported type.
func isMissing(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "no such key") || strings.HasPrefix(text, "index out of bounds") ||
		strings.HasPrefix(text, "no such attribute")
}

// activation is an Activation in the shape that CEL asks for.
type activation struct {
	names Activation
}

// ResolveName implements interpreter.Activation.
func (a *activation) ResolveName(name string) (any, bool) { return a.names.Resolve(name) }

// Parent implements interpreter.Activation.
func (a *activation) Parent() cel.Activation { return nil }
