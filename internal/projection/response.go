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
	message := run.Request
	for _, field := range c.From.Fields {
		if !message.Has(field) {
			if c.Required {
				run.reportAbsence(&c.Target, c.From, "a message")
			}
			return dst, unset
		}
		message = message.Get(field).Message()
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
