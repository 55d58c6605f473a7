package projection

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Form is a body as application/x-www-form-urlencoded (WHATWG URL, section 5).
type Form struct {
	Body  *Body
	Lists FormLists
}

// FormLists is how the elements of a list are named.
type FormLists int

// The names of the elements of a list.
const (
	FormBrackets FormLists = iota // ids[]=1&ids[]=2
	FormIndexed                   // ids[0]=1&ids[1]=2
	FormRepeated                  // ids=1&ids=2
)

// Append appends the form. A field whose value is missing is left out; a member of an object is named outer[inner].
func (f *Form) Append(dst []byte, scope *Scope) ([]byte, error) {
	document, ok, err := f.Body.Append(nil, scope)
	if err != nil || !ok {
		return dst, err
	}
	writer := formWriter{lists: f.Lists, dst: dst, start: len(dst)}
	jsonValue(document).members(func(key []byte, member Value) bool {
		err = writer.field(string(key), member, 0)
		return err == nil
	})
	return writer.dst, err
}

type formWriter struct {
	lists FormLists
	dst   []byte
	start int
}

// Bounds of a form: each value repeats all the names above it.
const (
	maxFormDepth = 32
	maxFormSize  = 16 << 20 // bytes
)

func (w *formWriter) field(name string, value Value, depth int) error {
	if depth > maxFormDepth {
		return fmt.Errorf("write form: nested deeper than %d levels", maxFormDepth)
	}
	if len(w.dst)-w.start > maxFormSize {
		return fmt.Errorf("write form: larger than %d MiB", maxFormSize>>20)
	}
	switch value.kind {
	case jsontext.KindBeginObject:
		var failed error
		value.members(func(key []byte, member Value) bool {
			failed = w.field(name+"["+string(key)+"]", member, depth+1)
			return failed == nil
		})
		return failed
	case jsontext.KindBeginArray:
		var failed error
		value.elements(func(index int, element Value) bool {
			failed = w.field(w.elementName(name, index), element, depth+1)
			return failed == nil
		})
		return failed
	}
	if value.Missing() {
		return nil
	}
	text, err := value.asText()
	if err != nil {
		return fmt.Errorf("write form field %s: %w", name, err)
	}
	if len(w.dst) > w.start {
		w.dst = append(w.dst, '&')
	}
	w.dst = append(AppendEscaped(w.dst, []byte(name)), '=')
	w.dst = AppendEscaped(w.dst, text)
	return nil
}

func (w *formWriter) elementName(name string, index int) string {
	switch w.lists {
	case FormIndexed:
		return name + "[" + strconv.Itoa(index) + "]"
	case FormRepeated:
		return name
	default:
		return name + "[]"
	}
}
