package projection_test

import (
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// requestOf is an operand that takes the text of a request, and the scope of one.
func requestOf(text string) (*projection.Request, *projection.Scope) {
	message := wrapperspb.String(text).ProtoReflect()
	fields := []protoreflect.FieldDescriptor{message.Descriptor().Fields().ByName("value")}
	return &projection.Request{Fields: fields}, &projection.Scope{Request: message}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	hole, scope := requestOf("a&b é/")
	constant := func(raw string) projection.Operand { return projection.NewConstant([]byte(raw)) }
	text := &projection.Text{Parts: []projection.TextPart{{Literal: "x,y z:"}, {Hole: hole}}}
	incomplete := &projection.Text{Parts: []projection.TextPart{{Literal: "x"}, {Hole: constant("null")}}}
	for _, test := range []struct {
		parameters []projection.Operand
		want       string
	}{
		{nil, ""},
		{[]projection.Operand{constant("10")}, "p%5B%5D=10"},
		{[]projection.Operand{constant(`"a b"`), constant("true")}, "p%5B%5D=a+b&p%5B%5D=true"},
		{[]projection.Operand{constant(`["a", null, 2]`), constant("null"), constant("[]")}, "p%5B%5D=a&p%5B%5D=2"},
		{[]projection.Operand{hole, constant("10")}, "p%5B%5D=a%26b+%C3%A9%2F&p%5B%5D=10"},
		{[]projection.Operand{constant("null"), hole}, "p%5B%5D=a%26b+%C3%A9%2F"},
		{[]projection.Operand{text, incomplete, constant("1")}, "p%5B%5D=x,y+z:a%26b+%C3%A9%2F&p%5B%5D=1"},
	} {
		var query *projection.Query
		for _, parameter := range test.parameters {
			query = projection.AddQuery(query, "p[]", parameter)
		}
		if got, err := query.Fill(scope); err != nil || got != test.want {
			t.Errorf("%v gives %s, %v, want %s", test.parameters, got, err, test.want)
		}
	}
	wrong := projection.AddQuery(projection.AddQuery(nil, "fine", constant("1")), "wrong", constant(`[1, {}]`))
	if _, err := wrong.Fill(scope); err == nil || !strings.HasPrefix(err.Error(), "wrong: ") {
		t.Errorf("an object as a parameter: %v", err)
	}
}

// TestQueryAllocates: a query is filled with what its text takes, and one that is known with nothing.
func TestQueryAllocates(t *testing.T) { //nolint:paralleltest // it measures what the process allocates
	hole, scope := requestOf("p-1")
	known := projection.AddQuery(nil, "limit", projection.NewConstant([]byte("10")))
	for most, query := range map[float64]*projection.Query{0: known, 2: projection.AddQuery(known, "id", hole)} {
		if got := testing.AllocsPerRun(100, func() { _, _ = query.Fill(scope) }); got > most {
			t.Errorf("%v allocations, want at most %v", got, most)
		}
	}
}

// FuzzEscaped: a text is escaped as url.QueryEscape does it.
func FuzzEscaped(f *testing.F) {
	f.Add("a b+c%/?&=#é~-._!$'()*,;:@\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := string(projection.AppendEscaped(nil, []byte(text))), url.QueryEscape(text); got != want {
			t.Errorf("%q becomes %s, want %s", text, got, want)
		}
	})
}
