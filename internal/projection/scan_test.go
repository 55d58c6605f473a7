package projection

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"weak"
)

// shapes are of each form: fields within fields, whole objects of which parts are needed too, loops within loops, and a document
// of which next to nothing is needed.
func shapes() []*Shape {
	nested, listed, narrow := NewShape(), NewShape(), NewShape()
	root := nested.Root()
	for _, path := range [][]string{{"a"}, {"a", "b"}, {"b", "a", "c"}, {"é"}, {"a name of more than sixteen bytes"}, {""}, {"\n\"/"}} {
		root.Keep(path)
	}
	for i := range 40 {
		root.Keep([]string{"n", strconv.Itoa(i)})
	}
	_, element := root.Loop([]string{"l"})
	element.Keep([]string{"a"})
	element.Keep([]string{"b", "c"})
	_, inner := element.Loop([]string{"l"})
	inner.Keep(nil)
	_, element = listed.Root().Loop(nil)
	element.Keep(nil)
	element.Keep([]string{"a"})
	_, element = element.Loop(nil)
	element.Keep([]string{"a"})
	narrow.Root().Keep([]string{"c"})
	return []*Shape{nested, listed, narrow}
}

// agree holds a scan against the reference.
func agree(t *testing.T, all []*Shape, body []byte) {
	t.Helper()
	if len(body) == 0 {
		return
	}
	for i, shape := range all {
		want, wantErr := scanByTokens(shape, body)
		for _, copies := range []bool{false, true} {
			document, err := shape.scan(body, copies)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("shape %d of %q: error = %v, reference %v", i, shorten(body), err, wantErr)
			}
			if err != nil {
				continue
			}
			if got := standing(document.body, document.spans); !slices.Equal(got, standing(body, want)) {
				t.Fatalf("shape %d of %q:\ngot  %v\nwant %v", i, shorten(body), document.spans, want)
			}
			if !copies && !slices.Equal(document.spans, want) {
				t.Fatalf("shape %d of %q: spans %v, want %v", i, shorten(body), document.spans, want)
			}
		}
	}
}

// standing says what the spans hold, wherever it stands.
func standing(body []byte, spans []span) []string {
	held := make([]string, len(spans))
	for i, one := range spans {
		if one.end == 0 {
			held[i] = fmt.Sprint(one) // of a list whose elements have frames, or a link
		} else {
			held[i] = fmt.Sprintf("%c %v %s", one.kind, one.escaped, body[one.start:one.end])
		}
	}
	return held
}

func shorten(body []byte) []byte { return body[:min(len(body), 1000)] }

// documents are those on which a scanner may go wrong, most of them between what is valid and what is not.
func documents() []string {
	all := []string{
		`{"a": 1, "b": {"a": {"c": [true]}}, "é": "x", "l": [{"a": 1, "b": {"c": null}, "l": [1, "2", {}]}, null, 7, {"l": 3}]}`,
		`[{"a": 1}, [{"a": 2}, []], "x", null, {}]`, ` [ ] `, "\t{\r\n}\n", `null`, `"a"`, `-0`, `{"a": {}}`, `{"a": "b", "l": {}, "b": 1}`,
		`{"a\u0020name of more than sixteen bytes": 1, "\u00e9": 2, "": 3, "\n\"\/": 4}`, `{"n": {"1": 1, "39": 2, "40": 3}}`,
		// Names that are there twice, also by other escapes, in objects that nobody needs, and far within.
		`{"a": 1, "a": 2}`, `{"a": 1, "\u0061": 2}`, `{"x": {"a": 1, "b": 2, "a": 3}}`, `[[{"\u00e9": 1, "é": 2}]]`, `{"a": {"a": 1}, "b": {"a": 1}}`,
		`{"sixteen bytes --a-- of a name": 1, "sixteen bytes --b-- of a name": 2}`, `{"\ud83d\ude00": 1, "😀": 2}`, `{"": 1, "": 2}`, `{"x": [{"\n": 1, "\u000a": 2}]}`,
		// Numbers.
		`0`, `01`, `-`, `-01`, `1.`, `1.5e`, `1e+`, `1E-07`, `.5`, `+1`, `1.5.5`, `0x1`, `1e5e5`, `-1.0E+10`, `[1 2]`, `Infinity`, `NaN`, `1_0`, `00`,
		// Strings.
		`"\u0000"`, "\"\x00\"", "\"\x1f\"", "\"\x7f\"", `"\x"`, `"\u12"`, `"\u12g4"`, `"\ud800"`, `"\udc00"`, `"\ud800\ud800"`, `"\ud800\u0041"`, `"\ud800x"`, `"\uD83D\uDE00"`,
		`"\ud83d\ude0"`, `"\`, `"\"`, `"`, `"abc`, "\"\xff\"", "\"\xc3\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "\"\xf0\x9f\x98\x80\"", "\"\xef\xbf\xbd\"", "\"12345678\xe2\x82\xac12345678\"",
		"\"\u00e9\u4e2d\U0001f600\u07ff\uffff\"", "\"\xe0\x9f\xbf\"", "\"\xe0\xa0\x80\"", "\"\xee\x80\x80\"", "\"\xc2\"x", "\"\xe1\x80\"x",
		// Brackets, commas, colons, literals, and what follows.
		`{`, `}`, `[`, `]`, `{]`, `[}`, `[1,]`, `[,1]`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{"a":}`, `{a:1}`, `{"a":1 "b":2}`, `{1:1}`, `[1,,2]`, `tru`, `truE`, `nulll`, `false true`, `{}{}`, `1 1`, `[] x`, ``, ` `, "\ufeff{}", "{}\x00", "\v1", "1\f", `{"a":"b"`, `[[]`,
		`// x`, `'a'`, `{"a"::1}`, `{"a":1}}`, `["a":1]`, `"a""b"`, `[true,false,null]`, `[nul]`, "[1\u00a0]",
	}
	for _, length := range []int{6, 7, 8, 9, 15, 16, 17, 31} { // what is looked at in steps of eight bytes
		plain := strings.Repeat("a", length)
		all = append(all, `"`+plain+`"`, `"`+plain, `"`+plain+"\x01\"", `"`+plain+"é"+plain+`"`, `"`+plain+`\n`+plain+`"`, `{"`+plain+`":1,"`+plain+`b":2}`, `{"`+plain+`":1,"`+plain+`":2}`)
	}
	for _, depth := range []int{9_999, 10_000, 10_001} {
		all = append(all, strings.Repeat("[", depth)+strings.Repeat("]", depth), strings.Repeat(`{"c":`, depth)+"1"+strings.Repeat("}", depth), strings.Repeat(`{"l":[`, depth/2)+strings.Repeat("]}", depth/2))
	}
	for _, count := range []int{31, 32, 33, 34, 500} { // of names, and one of them again
		var members []string
		for i := range count {
			members = append(members, fmt.Sprintf(`"key %d": {"c": %d}`, i, i))
		}
		whole := strings.Join(members, ",")
		all = append(all, `{`+whole+`}`, `{"c":{`+whole+`}}`, `{`+whole+`,"key 7":1}`, `{"x":[{`+whole+`,"key \u0033":1}]}`, fmt.Sprintf(`{%s,"key %d":1}`, whole, count-1), `{"key 0":{"key 0":1},`+whole+`}`)
	}
	return all
}

// TestScan: what is accepted, what is refused, and what is found is as the reference has it.
func TestScan(t *testing.T) {
	t.Parallel()
	all := shapes()
	for _, document := range documents() {
		agree(t, all, []byte(document))
	}
}

// TestLargeBody: of a large answer only what was found stays in memory.
func TestLargeBody(t *testing.T) {
	t.Parallel()
	shape := NewShape()
	slot := shape.Root().Keep([]string{"a"})
	document, alive := scanLarge(t, shape)
	runtime.GC()
	if alive.Value() != nil || len(document.body) > 100 {
		t.Errorf("the document holds %d bytes, and the body is there still: %v", len(document.body), alive.Value() != nil)
	}
	if found := document.spans[slot]; string(document.body[found.start:found.end]) != `"kept"` {
		t.Errorf("found %+v in %q", found, document.body)
	}
	runtime.KeepAlive(document)
}

func scanLarge(t *testing.T, shape *Shape) (*Document, weak.Pointer[byte]) {
	t.Helper()
	body := slices.Concat([]byte(`{"x": "`), bytes.Repeat([]byte("x"), 1<<20), []byte(`", "a": "kept"}`))
	document, err := shape.Scan(body)
	if err != nil {
		t.Fatal(err)
	}
	return document, weak.Make(&body[0])
}

// FuzzScan holds the scanner against the reference, with any bytes.
func FuzzScan(f *testing.F) {
	for _, document := range documents() {
		if len(document) < 1000 {
			f.Add([]byte(document))
		}
	}
	all := shapes()
	f.Fuzz(func(t *testing.T, body []byte) { agree(t, all, body) })
}

// FuzzScanGrown holds the scanner against the reference, with documents that grow from choices: they are valid but for names that
// are there twice, and for one byte that is changed.
func FuzzScanGrown(f *testing.F) {
	f.Add([]byte("an object of some members, with a list or two in it, and what else there is"), uint(0), byte(0))
	f.Add([]byte{5, 3, 0, 6, 2, 5, 1, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3}, uint(7), byte('"'))
	all := shapes()
	f.Fuzz(func(t *testing.T, choices []byte, at uint, changed byte) {
		grown := grower{choices: choices}
		grown.value(0)
		body := grown.Bytes()
		agree(t, all, body)
		if at < uint(len(body)) {
			body[at] = changed
			agree(t, all, body)
		}
	})
}

// grower writes a document by choices.
type grower struct {
	bytes.Buffer
	choices []byte
}

// choose takes the next choice, of so many.
func (g *grower) choose(count int) int {
	if len(g.choices) == 0 {
		return 0
	}
	chosen := int(g.choices[0]) % count
	g.choices = g.choices[1:]
	return chosen
}

func (g *grower) pick(of []string) { g.WriteString(of[g.choose(len(of))]) }

func (g *grower) value(depth int) {
	kinds := 7
	if depth > 6 {
		kinds = 4
	}
	switch g.choose(kinds) {
	case 0:
		g.pick([]string{"null", "true", "false", "0", "-1.5e+3", "12345678901234567890", "0.1", "1E400"})
	case 1, 2:
		g.pick([]string{`""`, `"a"`, `"éち😀"`, `"\ud83d\ude00\n"`, `"exactly8"`, `"a longer text, of more than sixteen bytes"`, `"12345678é"`, `"\"\\\/"`})
	case 3:
		g.pick([]string{"{}", "[]", " [ ] ", "{\n}"})
	case 4, 5:
		g.list('{', '}', func() {
			g.pick([]string{
				`"a"`, `"b"`, `"c"`, `"l"`, `"n"`, `"é"`, `"\u0061"`, `"\u00e9"`, `""`, `"x"`, `"y"`, `"z"`, `"1"`, `"2"`, `"3"`, `"a name of more than sixteen bytes"`, `"a name of less than sixteen bytes"`, `"\n\"/"`, `"12345678"`, `"1234567"`,
			})
			g.pick([]string{":", ": ", " :\n"})
			g.value(depth + 1)
		})
	default:
		g.list('[', ']', func() { g.value(depth + 1) })
	}
}

func (g *grower) list(opening, closing byte, element func()) {
	g.WriteByte(opening)
	for i := range 1 + g.choose(5) {
		if i > 0 {
			g.pick([]string{",", ", ", " ,\t\n"})
		}
		element()
	}
	g.WriteByte(closing)
}
