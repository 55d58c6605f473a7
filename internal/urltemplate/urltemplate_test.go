package urltemplate_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/urltemplate"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	tests := []struct{ template, value, want string }{
		{"/p/${a}", "x", "/p/x"},
		{"/p/${a}", "a/b", "/p/a%2Fb"},
		{"/p/${a}", "a b?c#d%e", "/p/a%20b%3Fc%23d%25e"},
		{"/p/${a}", "é", "/p/%C3%A9"},
		{"/p/${a}", "...", "/p/..."},
		{"/p/${a}.json", "x", "/p/x.json"},
		{"/p/${a}/", "x", "/p/x/"},
		{"/p/${a}/r", "urn:x:1", "/p/urn%3Ax%3A1/r"},
		{"/p/a%20b/${a}", "x", "/p/a%20b/x"},
		{"/p/$${a}/${b}", "x", ""},
	}
	for _, test := range tests {
		template, mistake := urltemplate.Parse(test.template)
		if mistake != nil {
			if test.want != "" {
				t.Errorf("%s: %v", test.template, mistake)
			}
			continue
		}
		got, err := template.Expand(nil, [][]byte{[]byte(test.value)})
		if err != nil || string(got) != test.want {
			t.Errorf("%s with %q = %s, %v, want %s", test.template, test.value, got, err, test.want)
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	t.Parallel()
	for template, values := range map[string][]string{
		"/p/${a}":     {"", ".", "..", "../x", "x/..", `..\x`, "a\x00", "a\nb", "\xff", strings.Repeat("x", 9000)},
		"/p/.${a}":    {"."},
		"/p/${a}${b}": {"."},
	} {
		parsed, mistake := urltemplate.Parse(template)
		if mistake != nil {
			t.Fatal(mistake)
		}
		for _, value := range values {
			filled := make([][]byte, len(parsed.Holes))
			for i := range filled {
				filled[i] = []byte(value)
			}
			if got, err := parsed.Expand(nil, filled); err == nil {
				t.Errorf("%s with %q = %s, want an error", template, value, got)
			}
		}
	}
}

// FuzzExpand: whatever the values are, a path keeps the segments of its template, and unescapes to what it was made of.
func FuzzExpand(f *testing.F) {
	f.Add("/p/${a}/x", "v")
	f.Add("/${a}.${b}/", "../..")
	f.Add("/p/${a}", `..\..`)
	f.Add("/%41/${request.id}", "%2e%2e%2f")
	f.Fuzz(func(t *testing.T, text, value string) {
		template, mistake := urltemplate.Parse(text)
		if mistake != nil {
			if mistake.Offset < 0 || mistake.Offset > len(text) {
				t.Fatalf("%q: mistake at %d", text, mistake.Offset)
			}
			return
		}
		values := make([][]byte, len(template.Holes))
		for i := range values {
			values[i] = []byte(value)
		}
		path, err := template.Expand(nil, values)
		if err != nil {
			if _, isValue := errors.AsType[*urltemplate.ValueError](err); !isValue && len(value) < 100 && len(text) < 100 {
				t.Fatalf("%q with %q: %v", text, value, err)
			}
			return
		}
		checkPath(t, string(path), template, value)
	})
}

func checkPath(t *testing.T, path string, template *urltemplate.Template, value string) {
	t.Helper()
	parsed, err := url.ParseRequestURI(path)
	if err != nil || parsed.RawQuery != "" || parsed.Host != "" {
		t.Fatalf("%q with %q: %q is no path: %v", template.Names(), value, path, err)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			t.Fatalf("%q with %q: %q holds a dot segment", template.Names(), value, path)
		}
	}
}

// TestDotSegments: the segments of a value end at either slash, wherever its dots are.
func TestDotSegments(t *testing.T) {
	t.Parallel()
	for value, refused := range map[string]bool{
		".": true, "..": true, "...": false, "a.b": false, "a/.": true, `a\..\b`: true, "./a": true, "//..": true, "a/b/.c": false, "a..": false, `\.`: true, "//": false,
	} {
		if got := urltemplate.Refuse([]byte(value)) != ""; got != refused {
			t.Errorf("%q is refused: %t", value, got)
		}
	}
}
