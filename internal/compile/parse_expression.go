package compile

import (
	"strings"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// expression parses an expression that stands in a node from a byte on. It returns nil if it reported a problem.
func (p *parser) expression(at *source.Node, text string, offset int) *operand {
	operand := p.parseExpression(at, text, offset)
	if operand != nil {
		operand.offset, operand.width = offset, len(text)
	}
	return operand
}

func (p *parser) parseExpression(at *source.Node, text string, offset int) *operand {
	if strings.Contains(text, "${") {
		bare := strings.NewReplacer("${", "", "}", "").Replace(text)
		p.problems.Add(at.At(offset), len(text), "write "+bare+", or {$text: ...} for a text with holes", "a hole in an expression")
		return nil
	}
	if path, ok := expr.ParsePath(text); ok {
		if operand, known := p.pathOperand(at, offset, path); known {
			return operand
		}
	}
	return p.computed(at, text, offset)
}

// pathOperand is the operand of a plain path. It reports false if the path has to be evaluated instead, and returns nil
// if it reported a problem.
func (p *parser) pathOperand(at *source.Node, offset int, path expr.Path) (_ *operand, known bool) {
	if loop := p.loopNamed(path.Root); loop != nil {
		if loop.frame == nil {
			return nil, false
		}
		return p.answerOperand(at, path, loop.frame, loop), true
	}
	if call := p.rpc.callNamed(path.Root); call != nil {
		element := &loop{depth: -1, call: call.index, origin: path.Root, calls: []int{call.index}}
		return p.answerOperand(at, path, call.shape.Root(), element), true
	}
	if path.Root == "request" && len(path.Steps) > 0 {
		return p.requestOperand(at, offset, path)
	}
	return nil, false
}

// answerOperand takes a value from an answer, or from a loop's element in one.
func (p *parser) answerOperand(at *source.Node, path expr.Path, frame *projection.Frame, within *loop) *operand {
	keys, rest := cutKeys(path.Steps)
	answer := &projection.Answer{
		Place: projection.Place{Call: within.call, Loop: within.depth, Slot: frame.Keep(keys), Rest: rest},
		Path:  path, Origin: expr.Path{Root: within.origin, Steps: path.Steps}.String(), Loops: within.loops,
	}
	return &operand{Operand: answer, at: at, typ: cel.DynType, calls: within.calls}
}

// cutKeys cuts a path before its first index: the scan follows keys alone.
func cutKeys(steps []expr.Step) (keys []string, rest []expr.Step) {
	for i, step := range steps {
		if step.Index >= 0 {
			return keys, steps[i:]
		}
		keys = append(keys, step.Key)
	}
	return keys, nil
}

// requestOperand takes a field of the request. Paths into lists, maps and free-form values are left to CEL.
func (p *parser) requestOperand(at *source.Node, offset int, path expr.Path) (*operand, bool) {
	message := p.rpc.method.Input()
	request := &projection.Request{Path: path}
	for i, step := range path.Steps {
		if step.Index >= 0 || message == nil {
			return nil, false
		}
		descriptor := message.Fields().ByName(protoreflect.Name(step.Key))
		if descriptor == nil {
			p.unknownField(at, offset, path, i, message)
			return nil, true
		}
		request.Fields = append(request.Fields, descriptor)
		message = plainMessage(descriptor)
	}
	last := request.Fields[len(request.Fields)-1]
	return &operand{Operand: request, at: at, typ: sentType(last)}, true
}

// sentType is the type of a request's field when it is copied: an enum then goes by its name.
func sentType(descriptor protoreflect.FieldDescriptor) *cel.Type {
	switch {
	case descriptor.Kind() != protoreflect.EnumKind || descriptor.IsMap():
		return fieldType(descriptor)
	case descriptor.IsList():
		return cel.ListType(cel.StringType)
	default:
		return cel.StringType
	}
}

// plainMessage is the message type whose fields a path may go on to, or nil.
func plainMessage(descriptor protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	if descriptor.IsList() || descriptor.IsMap() || descriptor.Message() == nil || projection.EncodingOf(descriptor) != nil {
		return nil
	}
	return descriptor.Message()
}

func (p *parser) unknownField(at *source.Node, offset int, path expr.Path, step int, message protoreflect.MessageDescriptor) {
	before := expr.Path{Root: path.Root, Steps: path.Steps[:step]}.String()
	name := path.Steps[step].Key
	hint := diag.DidYouMean("fields", name, names(message.Fields()))
	p.problems.Add(at.At(offset+len(before)+1), len(name), hint, "unknown field %q in %s", name, message.FullName())
}

// computed compiles a CEL expression.
func (p *parser) computed(at *source.Node, text string, offset int) *operand {
	program, mistakes := p.env.Compile(text)
	for _, mistake := range mistakes {
		p.mistake(at, offset, mistake)
	}
	if program == nil {
		return nil
	}
	computed := &projection.Computed{Program: program, Names: map[string]projection.Name{}}
	result := &operand{Operand: computed, at: at, typ: program.Type}
	for _, name := range program.Names {
		meaning, calls := p.meaning(name)
		computed.Names[name] = meaning
		for _, call := range calls {
			result.addCall(call)
		}
	}
	return result
}

// meaning says what a name stands for in an expression, and which answers that reads.
func (p *parser) meaning(name string) (projection.Name, []int) {
	if loop := p.loopNamed(name); loop != nil {
		if loop.frame == nil {
			return projection.Name{Kind: projection.LoopName, Loop: loop.depth}, loop.calls
		}
		place := projection.Place{Call: loop.call, Loop: loop.depth, Slot: loop.frame.Keep(nil)}
		return projection.Name{Kind: projection.AnswerName, Place: place}, loop.calls
	}
	if call := p.rpc.callNamed(name); call != nil {
		place := projection.Place{Call: call.index, Loop: -1, Slot: call.shape.Root().Keep(nil)}
		return projection.Name{Kind: projection.AnswerName, Place: place}, []int{call.index}
	}
	return projection.Name{Kind: projection.RequestName}, nil
}
