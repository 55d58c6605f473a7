package projection

import "google.golang.org/protobuf/encoding/protowire"

// Leaf fills a field with one value.
type Leaf struct {
	Target
	From     Operand
	Encoding *Encoding
	// Default is used where there is no value; nil for none.
	Default Operand
	// Constant is set if the value depends on no answer.
	Constant bool
}

func (l *Leaf) emit(dst []byte, run *run) ([]byte, outcome) {
	value, ok := l.take(run)
	if !ok {
		return dst, unset
	}
	start := len(dst)
	dst = protowire.AppendTag(dst, l.Number, l.Encoding.wire)
	tagged := len(dst)
	dst, ok = l.Encoding.encode(dst, value)
	if !ok {
		run.report(&l.Target, l.From, l.Encoding.Expected, value.describe())
		return dst[:start], unset
	}
	if !l.Presence && isZero(dst[tagged:]) {
		dst = dst[:start] // proto3 does not put the zero of such a field on the wire
	}
	if l.Constant {
		return dst, constant
	}
	return dst, set
}

// take is the leaf's value or its default. It reports what is missing or cannot be computed.
func (l *Leaf) take(run *run) (Value, bool) {
	value, err := l.From.Value(run.Scope)
	if err != nil {
		run.report(&l.Target, l.From, l.Encoding.Expected, err.Error())
		return Value{}, false
	}
	if value.Missing() && l.Default != nil {
		value, _ = l.Default.Value(run.Scope) // a default is a constant
	}
	if value.Missing() {
		if !l.MayBeUnset || l.Required {
			run.reportAbsence(&l.Target, l.From, l.Encoding.Expected)
		}
		return Value{}, false
	}
	return value, true
}

// isZero reports whether an encoded scalar, without its tag, is the zero of its type.
func isZero(encoded []byte) bool {
	for _, b := range encoded {
		if b != 0 {
			return false
		}
	}
	return true
}
