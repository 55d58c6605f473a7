package compile

import (
	"slices"
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
func (p *parser) pathOperand(at *source.Node, offset int, written expr.Path) (_ *operand, known bool) {
	path := p.unaliased(written)
	if loop := p.loopNamed(path.Root); loop != nil {
		if loop.frame == nil && loop.message != nil && len(path.Steps) > 0 {
			return p.loopFieldOperand(at, offset, path, loop)
		}
		if loop.frame == nil {
			return nil, false
		}
		place := answerPlace{document: loop.document, loop: loop.depth, frame: loop.frame, origin: loop.origin, loops: loop.loops, calls: loop.calls}
		return p.answerOperand(at, offset, written, path.Steps, place, typed{message: loop.message, entry: loop.entry}), true
	}
	if document, skip := p.documentAt(path); document != nil {
		if path.Root == callerName && !p.checkSelection(at, offset, path.String()) {
			return nil, true
		}
		name := expr.Path{Root: path.Root, Steps: path.Steps[:skip]}.String()
		place := answerPlace{document: document.index, loop: -1, frame: document.shape.Root(), origin: name, calls: document.calls}
		return p.answerOperand(at, offset, written, path.Steps[skip:], place, typed{document.message, document.list, document.entry}), true
	}
	if path.Root == requestName && p.rpc.method != nil {
		return p.requestOperand(at, offset, path)
	}
	return nil, false
}

// unaliased is a path with a name of let, if it begins with one that stands for a path, written out.
func (p *parser) unaliased(path expr.Path) expr.Path {
	let := p.rpc.letNamed(path.Root)
	if let == nil || let.path == nil || p.loopNamed(path.Root) != nil {
		return path
	}
	return expr.Path{Root: let.path.Root, Steps: append(slices.Clone(let.path.Steps), path.Steps...)}
}

// answerPlace is where a path into an answer begins.
type answerPlace struct {
	document, loop int
	frame          *projection.Frame
	origin         string
	loops          []int
	calls          []int
}

// answerOperand takes a value from an answer, or from a loop's element in one.
func (p *parser) answerOperand(at *source.Node, offset int, written expr.Path, steps []expr.Step, from answerPlace, known typed) *operand {
	keys, rest := cutKeys(steps)
	answer := &projection.Answer{
		Place: projection.Place{Call: from.document, Loop: from.loop, Slot: from.frame.Keep(keys), Rest: rest},
		Path:  written, Origin: expr.Path{Root: from.origin, Steps: steps}.String(), Loops: from.loops,
	}
	result := &operand{Operand: answer, at: at, typ: cel.DynType, calls: from.calls}
	reached, ok := p.follow(at, offset, written, steps, known)
	if !ok {
		return nil
	}
	result.message, result.list, result.entry = reached.message, reached.list, reached.entry
	return result
}

// typed is what is known of a value before the first request: that it is a message of a type, or a list of them.
type typed struct {
	message protoreflect.MessageDescriptor
	list    bool
	entry   *entry
}

// follow goes steps down from a value of a known type. It reports false if it reported a field that does not exist.
func (p *parser) follow(at *source.Node, offset int, written expr.Path, steps []expr.Step, from typed) (typed, bool) {
	for i, step := range steps {
		switch {
		case from.entry != nil && step.Index < 0:
			switch step.Key {
			case "key":
				from = typed{message: from.entry.key}
			case "value":
				from = typed{message: from.entry.value}
			default:
				return typed{}, true
			}
			continue
		case from.message == nil:
			return typed{}, true
		case step.Index >= 0:
			from.list = false
			continue
		case from.list:
			return typed{}, true
		}
		descriptor := from.message.Fields().ByName(protoreflect.Name(step.Key))
		if descriptor == nil {
			p.unknownField(at, offset, written, len(written.Steps)-len(steps)+i, from.message)
			return typed{}, false
		}
		from = typed{message: plainMessage(descriptor), list: descriptor.IsList()}
		if descriptor.IsList() && descriptor.Message() != nil && projection.EncodingOf(descriptor) == nil {
			from.message = descriptor.Message()
		}
	}
	return from, true
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

// requestOperand takes a field of the request, or all of it. Paths into lists, maps and free-form values are left to CEL.
func (p *parser) requestOperand(at *source.Node, offset int, path expr.Path) (*operand, bool) {
	message := p.rpc.method.Input()
	request := &projection.Request{Path: path}
	if len(path.Steps) == 0 {
		return &operand{Operand: request, at: at, typ: cel.ObjectType(string(message.FullName())), message: message}, true
	}
	fields, known := p.fieldsAlong(at, offset, path, message)
	if fields == nil {
		return nil, known
	}
	request.Fields = fields
	return fieldOperand(request, at, fields), true
}

// loopFieldOperand takes a field of the message that a loop stands on.
func (p *parser) loopFieldOperand(at *source.Node, offset int, path expr.Path, l *loop) (*operand, bool) {
	fields, known := p.fieldsAlong(at, offset, path, l.message)
	if fields == nil {
		return nil, known
	}
	result := fieldOperand(&projection.LoopField{Loop: l.depth, Fields: fields, Path: path}, at, fields)
	result.calls = l.calls
	return result, true
}

// fieldsAlong are the fields that a path goes along from a message. It is nil if the path has to be evaluated, or if it
// reported a field that does not exist, which is then known.
func (p *parser) fieldsAlong(at *source.Node, offset int, path expr.Path, message protoreflect.MessageDescriptor) (_ []protoreflect.FieldDescriptor, known bool) {
	var fields []protoreflect.FieldDescriptor
	for i, step := range path.Steps {
		if step.Index >= 0 || message == nil {
			return nil, false
		}
		descriptor := message.Fields().ByName(protoreflect.Name(step.Key))
		if descriptor == nil {
			p.unknownField(at, offset, path, i, message)
			return nil, true
		}
		fields = append(fields, descriptor)
		message = plainMessage(descriptor)
	}
	return fields, true
}

// fieldOperand is an operand that takes the last of several fields.
func fieldOperand(from projection.Operand, at *source.Node, fields []protoreflect.FieldDescriptor) *operand {
	last := fields[len(fields)-1]
	result := &operand{Operand: from, at: at, typ: sentType(last), message: plainMessage(last)}
	if last.IsList() && last.Message() != nil {
		result.message, result.list = last.Message(), true
	}
	return result
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
	if program == nil || !p.checkCaller(at, offset, program) {
		return nil
	}
	computed := &projection.Computed{Program: program, Names: map[string]projection.Name{}}
	result := &operand{Operand: computed, at: at, typ: program.Type}
	result.message, result.list = p.messageOf(program.Type)
	for _, name := range program.Names {
		meaning, calls := p.meaning(name, program.PartsOf(name))
		computed.Names[name] = meaning
		for _, call := range calls {
			result.addCall(call)
		}
	}
	return result
}

// checkCaller refuses a field that callers do not have.
func (p *parser) checkCaller(at *source.Node, offset int, program *expr.Program) bool {
	for _, selection := range program.Selections {
		if strings.HasPrefix(selection, callerName+".") && !p.checkSelection(at, offset, selection) {
			return false
		}
	}
	return true
}

// messageOf is the contract's message that a type is, and whether it is a list of them; nil if it is none.
func (p *parser) messageOf(typ *cel.Type) (protoreflect.MessageDescriptor, bool) {
	list := typ.Kind() == cel.ListKind && len(typ.Parameters()) == 1
	if list {
		typ = typ.Parameters()[0]
	}
	if typ.Kind() != cel.StructKind {
		return nil, false
	}
	found, err := p.files().FindDescriptorByName(protoreflect.FullName(typ.TypeName()))
	message, ok := found.(protoreflect.MessageDescriptor)
	if err != nil || !ok {
		return nil, false
	}
	return message, list
}

// meaning says what a name stands for in an expression, and which answers that reads. Parts are what the expression selects of it;
// nil if it needs all of it.
func (p *parser) meaning(name string, parts [][]string) (projection.Name, []int) {
	if loop := p.loopNamed(name); loop != nil {
		if loop.frame == nil {
			return projection.Name{Kind: projection.LoopName, Loop: loop.depth}, loop.calls
		}
		return framedName(loop.frame, projection.Place{Call: loop.document, Loop: loop.depth}, parts), loop.calls
	}
	if document := p.documentNamed(name); document != nil {
		return framedName(document.shape.Root(), projection.Place{Call: document.index, Loop: -1}, parts), document.calls
	}
	if let := p.rpc.letNamed(name); let != nil {
		return p.meaningOfLet(let), let.from.calls
	}
	switch name {
	case nowName:
		return projection.Name{Kind: projection.NowName}, nil
	case remainingName:
		return projection.Name{Kind: projection.RemainingName}, nil
	default:
		return projection.Name{Kind: projection.RequestName}, nil
	}
}

// framedName is what a name stands for that has a frame.
func framedName(frame *projection.Frame, place projection.Place, parts [][]string) projection.Name {
	name := projection.Name{Kind: projection.AnswerName, Place: place}
	name.Place.Slot, name.Parts = frame.KeepParts(parts)
	return name
}

// meaningOfLet is what a name of let stands for: the value at its path, or its own.
func (p *parser) meaningOfLet(l *let) projection.Name {
	if l.path == nil {
		return projection.Name{Kind: projection.LetName, Let: l.index}
	}
	return projection.Name{Kind: projection.AnswerName, Place: l.from.Operand.(*projection.Answer).Place}
}
