package projection

import "google.golang.org/protobuf/encoding/protowire"

// Message fills a message field from a tree of fields. It is unset if none of its fields has a value from an answer.
type Message struct {
	Target
	Fields []Rule
	// Constant is set if no field depends on an answer, so that the message always exists.
	Constant bool
}

func (m *Message) emit(dst []byte, run *run) ([]byte, outcome) {
	begin, mark := len(dst), len(run.reports)
	dst = protowire.AppendTag(dst, m.Number, protowire.BytesType)
	dst, start := beginBytes(dst)
	dst, result := emitAll(dst, m.Fields, run)
	if m.Constant {
		return endBytes(dst, start), constant
	}
	if result == set {
		return endBytes(dst, start), set
	}
	run.forgetAbsences(mark)
	if m.Required {
		run.reportAbsence(&m.Target, NewConstant([]byte("{}")), "a message")
	}
	return dst[:begin], unset
}

// emitAll appends fields in their order, and reports whether any of them is set.
func emitAll(dst []byte, fields []Rule, run *run) ([]byte, outcome) {
	result := unset
	for _, field := range fields {
		var one outcome
		dst, one = field.emit(dst, run)
		result = max(result, one)
	}
	return dst, result
}

// OneOf fills at most one member of a oneof: the first, in the order of the binding, that has a value.
type OneOf struct {
	Members []Rule
}

func (o *OneOf) emit(dst []byte, run *run) ([]byte, outcome) {
	for _, member := range o.Members {
		appended, result := member.emit(dst, run)
		if result != unset {
			return appended, result
		}
		dst = appended
	}
	return dst, unset
}

// Group appends several rules as one: the entries of a map that are written one by one.
type Group struct {
	Rules []Rule
}

func (g *Group) emit(dst []byte, run *run) ([]byte, outcome) {
	return emitAll(dst, g.Rules, run)
}
