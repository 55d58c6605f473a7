package projection

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Response fills a response message.
type Response struct {
	Fields []Rule
}

// Append appends the message's wire bytes to dst, in the order of the binding. It returns what could not be filled, in
// the same order, and how many more reports there were than are kept. The scope must not be in use elsewhere.
func (r *Response) Append(dst []byte, scope *Scope) (_ []byte, reports []Report, dropped int) {
	state := &run{Scope: scope}
	dst, _ = emitAll(dst, r.Fields, state)
	return dst, state.reports, state.dropped
}

// Copy fills a message field with a message of the same type from the request.
type Copy struct {
	Target
	From *Request
}

func (c *Copy) emit(dst []byte, run *run) ([]byte, outcome) {
	message := c.From.message(run.Request)
	if message == nil {
		if c.Required {
			run.reportAbsence(&c.Target, c.From, "a message")
		}
		return dst, unset
	}
	begin := len(dst)
	dst = protowire.AppendTag(dst, c.Number, protowire.BytesType)
	dst, start := beginBytes(dst)
	dst, err := proto.MarshalOptions{}.MarshalAppend(dst, message.Interface())
	if err != nil {
		run.report(&c.Target, c.From, "a message", fmt.Sprintf("a message that cannot be written: %v", err))
		return dst[:begin], unset
	}
	return endBytes(dst, start), constant
}

// Whole fills all of a message from one value: an object whose members are named and typed as its fields.
type Whole struct {
	Target
	From     Operand
	Encoding *Encoding
}

func (w *Whole) emit(dst []byte, run *run) ([]byte, outcome) {
	value, err := w.From.Value(run.Scope)
	if err != nil {
		run.report(&w.Target, w.From, w.Encoding.Expected, err.Error())
		return dst, unset
	}
	if value.Missing() {
		return dst, unset
	}
	wrapped, ok := w.Encoding.encode(nil, value)
	if !ok {
		run.report(&w.Target, w.From, w.Encoding.Expected, value.describe())
		return dst, unset
	}
	content, _ := protowire.ConsumeBytes(wrapped)
	return append(dst, content...), set
}
