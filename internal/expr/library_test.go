package expr_test

import (
	"fmt"
	"testing"

	"cel.dev/cel-go/common/types"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// nothing gives no name a value.
type nothing struct{}

func (nothing) Resolve(string) (any, bool) { return nil, false }

// evaluate is the result of an expression as a text; "none" for no value, "error" for one that fails.
func evaluate(t *testing.T, text string) string {
	t.Helper()
	env, err := expr.NewEnv(protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	program, mistakes := env.Compile(text)
	if program == nil {
		t.Fatalf("%s: %v", text, mistakes)
	}
	value, outcome, _ := program.Eval(t.Context(), nothing{})
	switch outcome {
	case expr.Missing:
		return "none"
	case expr.Failed:
		return "error"
	default:
		if at, ok := value.(types.Timestamp); ok {
			return at.Format("2006-01-02T15:04:05.999999999Z07:00")
		}
		return fmt.Sprint(value.Value())
	}
}

func TestLibrary(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`time.parse("2024-09-12T23:17:39+0000")`:                                           "2024-09-12T23:17:39Z",
		`time.parse("2024-09-12T23:17:39.123456+02:00")`:                                   "2024-09-12T21:17:39.123456Z",
		`time.parse("2020-01-01T20:10:40")`:                                                "2020-01-01T20:10:40Z",
		`time.parse("2020-01-01 20:10:40Z")`:                                               "2020-01-01T20:10:40Z",
		`time.parse("2020-01-01")`:                                                         "2020-01-01T00:00:00Z",
		`time.parse("Thu, 01 Jan 1970 00:00:10 GMT")`:                                      "1970-01-01T00:00:10Z",
		`time.parse("yesterday")`:                                                          "error",
		`time.seconds(1470173023.123)`:                                                     "2016-08-02T21:23:43.123Z",
		`time.seconds("1470173023")`:                                                       "2016-08-02T21:23:43Z",
		`time.seconds(-1)`:                                                                 "1969-12-31T23:59:59Z",
		`time.seconds("1e9")`:                                                              "error",
		`time.seconds(1e300)`:                                                              "error",
		`time.millis(1634790968743)`:                                                       "2021-10-21T04:36:08.743Z",
		`time.epochMillis(time.millis(1634790968743))`:                                     "1634790968743",
		`time.epochSeconds(time.seconds(12))`:                                              "12",
		`time.rfc3339(time.seconds(12))`:                                                   "1970-01-01T00:00:12.000Z",
		`duration.toMillis(duration.seconds("64.57"))`:                                     "64570",
		`duration.toMillis(duration.millis(12))`:                                           "12",
		`url.encode("a b&c/ü")`:                                                            "a%20b%26c%2F%C3%BC",
		`url.decode("a%20b+c")`:                                                            "a b+c",
		`url.param("https://x/y?max_id=103&a=b%20c", "a")`:                                 "b c",
		`url.param("https://x/y?max_id=103", "min_id")`:                                    "none",
		`url.param("/y?max_id=103", "max_id")`:                                             "103",
		`url.host("https://x.example:80/y")`:                                               "x.example:80",
		`url.path("https://x.example/a%2Fb?c")`:                                            "/a%2Fb",
		`urn.part("urn:li:share:12", -1)`:                                                  "12",
		`urn.part("urn:li:share:12", 2)`:                                                   "share",
		`urn.part("urn:li:share:12", 4)`:                                                   "error",
		`"at://did/app.bsky.feed.post/3k".afterLast("/")`:                                  "3k",
		`"546_111".beforeFirst("_")`:                                                       "546",
		`"546".beforeFirst("_")`:                                                           "546",
		`"546".afterLast("_")`:                                                             "546",
		`"👩‍👩‍👧é".graphemes()`:                                                             "2",
		`"👍é".utf16()`:                                                                     "3",
		`"👍é".utf8()`:                                                                      "6",
		`"hello".weighted(23, [[0, 4351]])`:                                                "5",
		`"a👩‍👩‍👧é☀".emoji().map(e, e.utf8()).sum()`:                                        "21",
		`time.parse("Sunday, 06-Nov-94 08:49:37 GMT")`:                                     "1994-11-06T08:49:37Z",
		`time.parse("Sunday, 06-Nov-94 08:49:37 EST")`:                                     "error",
		`html.text("<script/>x()</script><b>y</b>")`:                                       "y",
		`html.text("<style/>x{}</style>y")`:                                                "y",
		`"see https://example.com/a))), ok".entities()[0].value`:                           "https://example.com/a",
		`"ちば".weighted(23, [[0, 4351]])`:                                                   "4",
		`"👩‍👩‍👧".weighted(23, [[0, 4351]])`:                                                "2",
		`"see https://example.com/very/long/path?q=1 ok".weighted(23, [[0, 4351]])`:        "30",
		`"👩‍👩‍👧abc".truncate(2)`:                                                           "👩‍👩‍👧a",
		`"a(b)\\c".escape("()")`:                                                           `a\(b\)\\c`,
		`"a(b)\\c".escape("()").unescape("()")`:                                            `a(b)\c`,
		`html.escape("<a & b>")`:                                                           "&lt;a &amp; b&gt;",
		`html.text("<p>one<br>two &amp; <b>three</b></p><p>four</p><script>x()</script>")`: "one\ntwo & three\n\nfour",
		`base64url.encode("a?>")`:                                                          "YT8-",
		`string(base64url.decode("YT8-"))`:                                                 "a?>",
		`hash.sha256("abc")`:                                                               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		`{"a": 1, "b": 2.5}.sum()`:                                                         "3.5",
		`json.parse("{\"a\": [1, null]}").a[0]`:                                            "1",
		`[1, 2, 3].sum()`:                                                                  "6",
		`[].sum()`:                                                                         "0",
		`json.parse("{")`:                                                                  "error",
		`[dyn(1), dyn("x")].sum()`:                                                         "error",
		`"Hi @alice.example see https://example.com. #go #12".entities().map(e, e.kind + ":" + e.value).join(" ")`:                                        "mention:alice.example link:https://example.com tag:go",
		`"é👍 #tag".entities().map(e, string(e.byteStart) + "-" + string(e.byteEnd) + " " + string(e.utf16Start) + "+" + string(e.utf16Length)).join(" ")`: "7-11 4+4",
		`"(https://en.example/a_(b)) mail@host.example http://".entities().map(e, e.value).join(" ")`:                                                     "https://en.example/a_(b)",
	} {
		if got := evaluate(t, text); got != want {
			t.Errorf("%s = %s, want %s", text, got, want)
		}
	}
}

func TestLinkRel(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		`<https://m.example/s?max_id=1>; rel="next", <https://m.example/s?min_id=2>; rel="prev"`: "https://m.example/s?max_id=1",
		`<a>; rel="prev", <b>; title="x, y; rel=\"next\""; REL=next`:                             "b",
		`<a>; rel="prev first next"`: "a",
		`<a>; rel=prev`:              "none",
		`no link; rel=next`:          "none",
		`<a`:                         "none",
		``:                           "none",
	} {
		if got := evaluate(t, fmt.Sprintf("link.rel(%q, \"next\")", header)); got != want {
			t.Errorf("link.rel(%s) = %s, want %s", header, got, want)
		}
	}
}
