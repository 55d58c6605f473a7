package compile

import (
	"slices"
	"strings"
	"unicode"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// policyNames are the names that expressions of the policy see besides request, and the fields that are known of each.
var policyNames = map[string][]string{
	callerName:  {"provider", "id", "issuer", "scopes", "claims"},
	"peer":      {"ip", "listener", "network"},
	rpcName:     nil,
	nowName:     nil,
	requestName: nil,
}

// callerTypes are those of what a caller has. Where an expression runs, a caller is one value with all of it.
var callerTypes = []expr.Variable{
	{Name: "caller.provider", Type: cel.StringType}, {Name: "caller.id", Type: cel.StringType}, {Name: "caller.issuer", Type: cel.StringType},
	{Name: "caller.scopes", Type: cel.ListType(cel.StringType)}, {Name: "caller.claims", Type: cel.MapType(cel.StringType, cel.DynType)},
}

// environment is where expressions over requests of one type run, and where their types are checked before.
type environment struct {
	run, checked *expr.Env
}

func newEnvironment(base *expr.Env, variables ...expr.Variable) (*environment, error) {
	run, err := base.With(variables...)
	if err != nil {
		return nil, err
	}
	checked, err := run.With(callerTypes...)
	if err != nil {
		return nil, err
	}
	return &environment{run, checked}, nil
}

// policyParser compiles the expressions of the policy and of routes.
type policyParser struct {
	*draft
	// more are the names that it knows besides policyNames.
	more map[string][]string
	// environments are by the type of the request; the empty type is that of none.
	environments map[string]*environment
}

func (d *draft) newPolicyParser(more map[string][]string) (*policyParser, error) {
	base, err := expr.NewEnv(d.files(), d.extensions.Expressions...)
	if err != nil {
		return nil, err
	}
	variables := []expr.Variable{
		{Name: "caller", Type: cel.DynType}, {Name: "peer", Type: cel.MapType(cel.StringType, cel.StringType)},
		{Name: rpcName, Type: cel.StringType}, {Name: nowName, Type: cel.TimestampType},
	}
	for name := range more {
		variables = append(variables, expr.Variable{Name: name, Type: cel.MapType(cel.StringType, cel.StringType)})
	}
	env, err := newEnvironment(base.Bounded(), variables...)
	if err != nil {
		return nil, err
	}
	return &policyParser{draft: d, more: more, environments: map[string]*environment{"": env}}, nil
}

// kind is what an expression of the policy has to give.
type kind int

const (
	aCondition kind = iota
	aKey
	aWholeNumber
)

// kinds are the types that each kind may have, and what it is in words.
var kinds = map[kind]struct {
	types []cel.Kind
	words string
}{
	aCondition:   {[]cel.Kind{cel.BoolKind}, "a condition, true or false"},
	aKey:         {[]cel.Kind{cel.StringKind, cel.IntKind, cel.UintKind, cel.BoolKind}, "a text or a number to count by"},
	aWholeNumber: {[]cel.Kind{cel.IntKind, cel.UintKind}, "a whole number"},
}

// expression compiles an expression for each RPC that it is about. It returns nil if it reported a problem, or if there is no node.
func (p *policyParser) expression(at *source.Node, rpcs []*rpc, want kind) *plan.Expression {
	if at == nil {
		return nil
	}
	compiled := &plan.Expression{Text: at.Text, At: at.Position, Programs: map[string]*expr.Program{}}
	byType := map[string]*expr.Program{} // requests of one type share a program
	for _, rpc := range rpcs {
		input := ""
		if strings.Contains(at.Text, requestName) {
			input = string(rpc.method.Input().FullName())
		}
		program, known := byType[input]
		if !known {
			if program = p.compile(at, input, want); program == nil {
				return nil
			}
			byType[input] = program
		}
		compiled.Programs[plan.Procedure(rpc.method)] = program
	}
	return compiled
}

// withoutRequest compiles an expression that sees no request.
func (p *policyParser) withoutRequest(at *source.Node, want kind) *expr.Program {
	return p.compile(at, "", want)
}

// compile compiles an expression over a request of a type; the empty type is none.
func (p *policyParser) compile(at *source.Node, input string, want kind) *expr.Program {
	env, err := p.environment(input)
	if err != nil {
		p.report(at, "", "%v", err)
		return nil
	}
	program := p.compileIn(env.run, at, input)
	if program == nil || !p.checkFields(at, program) {
		return nil
	}
	checked := p.compileIn(env.checked, at, input)
	if checked == nil || !p.checkKind(at, checked, want) || !p.checkProviders(at, program) {
		return nil
	}
	return program
}

// compileIn returns nil if it reported a problem.
func (p *policyParser) compileIn(env *expr.Env, at *source.Node, input string) *expr.Program {
	program, mistakes := env.Compile(at.Text)
	for _, mistake := range mistakes {
		p.mistake(at, mistake, input)
	}
	return program
}

func (p *policyParser) environment(input string) (*environment, error) {
	if known := p.environments[input]; known != nil {
		return known, nil
	}
	env, err := newEnvironment(p.environments[""].run, expr.Variable{Name: requestName, Type: cel.ObjectType(input)})
	if err != nil {
		return nil, err
	}
	p.environments[input] = env
	return env, nil
}

func (p *policyParser) mistake(at *source.Node, e *expr.Error, input string) {
	hint := e.Hint
	if name, ok := strings.CutPrefix(e.Message, expr.Undeclared); ok {
		hint = diag.DidYouMean("names", strings.Trim(name, `"`), append(sortedKeys(policyNames), sortedKeys(p.more)...))
		if strings.Trim(name, `"`) == requestName {
			hint = "this is asked without a request: one answer holds for many"
		}
	}
	if strings.HasPrefix(e.Message, expr.UnknownField) {
		hint = p.requestFields(at.Text[:e.Offset+e.Width], input)
	}
	p.problems.Add(at.At(e.Offset), e.Width, hint, "%s", e.Message)
}

// requestFields says which fields there are instead of the last of a path into the request, with which a text ends; "" if that is not
// known.
func (p *policyParser) requestFields(text, input string) string {
	start := strings.LastIndexFunc(text, func(r rune) bool {
		return r != '.' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	path, ok := expr.ParsePath(text[start+1:])
	message := p.messageNamed(input)
	if !ok || path.Root != requestName || len(path.Steps) == 0 {
		return ""
	}
	last := len(path.Steps) - 1
	for _, step := range path.Steps[:last] {
		if message == nil {
			return ""
		}
		message = plainMessage(message.Fields().ByName(protoreflect.Name(step.Key))) // CEL knows all of these
	}
	if message == nil {
		return ""
	}
	return diag.DidYouMean("fields", path.Steps[last].Key, names(message.Fields()))
}

// messageNamed is a message of the contract by its full name, or nil.
func (d *draft) messageNamed(name string) protoreflect.MessageDescriptor {
	found, _ := d.files().FindDescriptorByName(protoreflect.FullName(name))
	message, _ := found.(protoreflect.MessageDescriptor)
	return message
}

// checkFields refuses a field of caller or peer that neither has.
func (p *policyParser) checkFields(at *source.Node, program *expr.Program) bool {
	for _, selection := range program.Selections {
		if !p.checkSelection(at, 0, selection) {
			return false
		}
	}
	return true
}

// checkSelection refuses a field of caller or peer that neither has, in an expression that stands in a node from a byte on.
func (d *draft) checkSelection(at *source.Node, offset int, selection string) bool {
	root, rest, _ := strings.Cut(selection, ".")
	field, _, _ := strings.Cut(rest, ".")
	field, _, _ = strings.Cut(field, "[")
	known := policyNames[root]
	if field == "" || known == nil || slices.Contains(known, field) {
		return true
	}
	if found := strings.Index(at.Text[offset:], selection); found >= 0 {
		offset += found + len(root) + 1
	} else { // it stands there by the name of a let
		offset += strings.Index(at.Text[offset:], "."+field) + 1
	}
	d.problems.Add(at.At(offset), len(field), diag.DidYouMean("fields", field, known), "unknown field %q in %s", field, root)
	return false
}

func (p *policyParser) checkKind(at *source.Node, program *expr.Program, want kind) bool {
	got := program.Type.Kind()
	if strings.TrimSpace(at.Text) == callerName {
		p.report(at, "write caller.id", "%s is everything that is known of a caller", at.Text)
		return false
	}
	if got == cel.DynKind || slices.Contains(kinds[want].types, got) {
		return true
	}
	p.report(at, "write "+kinds[want].words, "%s gives %s", at.Text, program.Type)
	return false
}
