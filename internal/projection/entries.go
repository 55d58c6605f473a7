package projection

import (
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Entries fills a map field with the members of a JSON object. A member that cannot be held is left out and reported.
type Entries struct {
	Target
	From       Operand
	Key, Value *Encoding
}

func (e *Entries) emit(dst []byte, run *run) ([]byte, outcome) {
	value, err := e.From.Value(run.Scope)
	switch {
	case err != nil:
		run.report(&e.Target, e.From, "an object", err.Error())
		return dst, unset
	case value.Missing():
		if e.Required {
			run.reportAbsence(&e.Target, e.From, "an object")
		}
		return dst, unset
	case value.kind != jsontext.KindBeginObject:
		run.report(&e.Target, e.From, "an object", value.describe())
		return dst, unset
	}
	begin := len(dst)
	value.members(func(key []byte, member Value) bool {
		dst = e.append(dst, key, member, run)
		return true
	})
	if e.Required && len(dst) == begin {
		run.report(&e.Target, e.From, "an object with a member", "an empty object")
	}
	return dst, set
}

func (e *Entries) append(dst, key []byte, member Value, run *run) []byte {
	begin := len(dst)
	dst = protowire.AppendTag(dst, e.Number, protowire.BytesType)
	dst, start := beginBytes(dst)
	dst = protowire.AppendTag(dst, mapEntryKey, e.Key.wire)
	dst, keyOK := e.Key.encode(dst, keyValue(e.Key, key))
	if !keyOK {
		run.reportPart(&e.Target, e.From, "[key]", e.Key.Expected, "another key")
		return dst[:begin]
	}
	dst = protowire.AppendTag(dst, mapEntryValue, e.Value.wire)
	if member.Missing() {
		run.reportPart(&e.Target, e.From, "[value]", e.Value.Expected, "nothing")
		return dst[:begin]
	}
	dst, valueOK := e.Value.encode(dst, member)
	if !valueOK {
		run.reportPart(&e.Target, e.From, "[value]", e.Value.Expected, member.describe())
		return dst[:begin]
	}
	return endBytes(dst, start)
}

// keyValue is an object's key as a value: a boolean key stands as text in JSON.
func keyValue(encoding *Encoding, key []byte) Value {
	if encoding == scalars[protoreflect.BoolKind] && (string(key) == "true" || string(key) == "false") {
		return jsonValue(key)
	}
	return Value{kind: jsontext.KindString, raw: key, form: plain}
}
