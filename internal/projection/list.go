package projection

import (
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
)

// List fills a repeated field with the elements of a JSON list. An element that cannot be held is left out and reported.
type List struct {
	Target
	From    Operand
	Element *Encoding
}

func (l *List) emit(dst []byte, run *run) ([]byte, outcome) {
	value, err := l.From.Value(run.Scope)
	switch {
	case err != nil:
		run.report(&l.Target, l.From, "a list", err.Error())
		return dst, unset
	case value.Missing():
		if l.Required {
			run.reportAbsence(&l.Target, l.From, "a list")
		}
		return dst, unset
	case value.kind != jsontext.KindBeginArray:
		run.report(&l.Target, l.From, "a list", value.describe())
		return dst, unset
	}
	start := len(dst)
	if l.Element.wire == protowire.BytesType {
		dst = l.appendEach(dst, value, run)
	} else {
		dst = l.appendPacked(dst, value, run)
	}
	if l.Required && len(dst) == start {
		run.report(&l.Target, l.From, "a list with an element", "an empty list")
	}
	return dst, set
}

func (l *List) appendEach(dst []byte, list Value, run *run) []byte {
	list.elements(func(index int, element Value) bool {
		start := len(dst)
		dst = protowire.AppendTag(dst, l.Number, protowire.BytesType)
		var ok bool
		if dst, ok = l.encode(dst, index, element, run); !ok {
			dst = dst[:start]
		}
		return true
	})
	return dst
}

// appendPacked appends numbers, booleans and enums the way proto3 packs them.
func (l *List) appendPacked(dst []byte, list Value, run *run) []byte {
	begin := len(dst)
	dst = protowire.AppendTag(dst, l.Number, protowire.BytesType)
	dst, start := beginBytes(dst)
	list.elements(func(index int, element Value) bool {
		before := len(dst)
		var ok bool
		if dst, ok = l.encode(dst, index, element, run); !ok {
			dst = dst[:before]
		}
		return true
	})
	if len(dst) == start {
		return dst[:begin]
	}
	return endBytes(dst, start)
}

func (l *List) encode(dst []byte, index int, element Value, run *run) ([]byte, bool) {
	if !element.Missing() {
		var ok bool
		if dst, ok = l.Element.encode(dst, element); ok {
			return dst, true
		}
	}
	run.reportPart(&l.Target, l.From, "["+decimal(int64(index))+"]", l.Element.Expected, element.describe())
	return dst, false
}
