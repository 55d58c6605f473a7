package docstest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

const root = "../.."

// snippet is a fenced block.
type snippet struct {
	page, language, text string
	// heading is the one that it stands below.
	heading string
	line    int
}

// pages are all pages that users read.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob(root + "/examples/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(append(found, examples...), root+"/README.md", root+"/CONTRIBUTING.md")
}

func snippets(t *testing.T, page string) []snippet {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var found []snippet
	var open *snippet
	heading := ""
	for i, line := range strings.Split(string(content), "\n") {
		language, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			open = &snippet{page: page, language: language, heading: heading, line: i + 1}
		case isFence:
			found = append(found, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimLeft(line, "# ")
		}
	}
	return found
}

// named finds the snippet whose first line is a comment with a file's name.
func named(t *testing.T, found []snippet, name string) string {
	t.Helper()
	for _, one := range found {
		first, _, _ := strings.Cut(one.text, "\n")
		if strings.TrimLeft(first, "#/ ") == name {
			return one.text
		}
	}
	t.Fatalf("no snippet %s", name)
	return ""
}

func text(problems diag.Problems, dir string) string {
	var out strings.Builder
	_ = problems.Write(&out, diag.Text, func(file string) []byte {
		content, _ := os.ReadFile(filepath.Join(dir, file))
		return content
	})
	return out.String()
}

// anyContract is a contract and a binding that need no upstream.
const anyContract = `-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc Get(M) returns (M);
}
message M {}
-- proto/shop.proto --
syntax = "proto3";
package shop.v1;
service StorefrontService {
  rpc CancelOrder(CancelOrderRequest) returns (CancelOrderResponse);
}
message CancelOrderRequest {}
message CancelOrderResponse {}
-- bindings/s.yaml --
service: t.S
rpcs: {Get: {}}
-- bindings/shop.yaml --
service: shop.v1.StorefrontService
rpcs: {CancelOrder: {}}
`

// TestConfiguration opens the page's sheaf.yaml, in front of a contract of its own.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	config := named(t, snippets(t, root+"/docs/configuration.md"), "sheaf.yaml")
	dir := plantest.Write(t, "-- sheaf.yaml --\n"+config+anyContract+"-- secrets/catalog-token --\nsecret\n")
	server, err := bff.Open(dir, bff.WithLookupEnv(func(string) (string, bool) { return "http://catalog.internal", true }))
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
}

// fragment begins with a key of sheaf.yaml.
var fragment = regexp.MustCompile(`^(listen|upstreams|server|accounts|redis|admin|policy):`)

// TestFragments checks every part of a sheaf.yaml that a page shows, as sheaf check would, behind the lines that it leaves out.
func TestFragments(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, page := range pages(t) {
		found := snippets(t, page)
		for _, one := range found {
			if one.language != "yaml" || !fragment.MatchString(one.text) {
				continue
			}
			checked++
			config := "contract: proto\nbindings: bindings\n"
			if strings.Contains(one.text, "account") && !strings.Contains(one.text, "accounts:") {
				config += "accounts: {file: accounts.yaml}\n"
			}
			dir := plantest.Write(t, "-- sheaf.yaml --\n"+config+one.text+anyContract+"-- accounts.yaml --\n"+named(t, snippets(t, root+"/docs/configuration.md"), "accounts.yaml"))
			if _, err := compile.Dir(dir, source.Options{AllowUnsetEnv: true}); err != nil {
				t.Errorf("%s:%d: %v", page, one.line, err)
			}
		}
	}
	if checked < 3 {
		t.Errorf("only %d fragments were found", checked)
	}
}

// known are the checks for snippets that are not compiled above, by language.
func check(one snippet) error {
	switch one.language {
	case "yaml":
		var document any
		return yaml.Unmarshal([]byte(one.text), &document)
	case "json":
		if !json.Valid([]byte(one.text)) {
			return errors.New("is no JSON")
		}
		return nil
	case "sh":
		return checkShell(one.text)
	case "proto", "text", "mermaid":
		return nil
	default:
		return fmt.Errorf("language %q has no check", one.language)
	}
}

var (
	command    = regexp.MustCompile(`^(?:sheaf|go run \./cmd/sheaf) ([a-z]+)`)
	makeTarget = regexp.MustCompile(`^make ([a-z]+)$`)
	ciScript   = regexp.MustCompile(`^bash (\.ci/[a-z]+)$`)
	goTool     = regexp.MustCompile(`^go (?:run|test) (\./[a-z/.]+)`)
)

// checkShell looks up what each line calls: a command of sheaf's, a target of make's, a package.
func checkShell(text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case command.MatchString(line):
			if _, err := os.Stat(root + "/cmd/sheaf/" + command.FindStringSubmatch(line)[1] + ".go"); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		case makeTarget.MatchString(line):
			makefile, err := os.ReadFile(root + "/Makefile")
			if err != nil || !strings.Contains(string(makefile), "\n"+makeTarget.FindStringSubmatch(line)[1]+":") {
				return fmt.Errorf("%s: no such target (%w)", line, err)
			}
		case goTool.MatchString(line):
			if _, err := os.Stat(filepath.Join(root, strings.TrimSuffix(goTool.FindStringSubmatch(line)[1], "..."))); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		case ciScript.MatchString(line):
			if _, err := os.Stat(root + "/" + ciScript.FindStringSubmatch(line)[1]); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		case adminCall.MatchString(line):
			if err := checkAdminCall(adminCall.FindStringSubmatch(line)); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		case strings.HasPrefix(line, "curl --json '{}' http://127.0.0.1:8080/grpc.health.v1.Health/Check"):
		default:
			return fmt.Errorf("%s: nothing checks this", line)
		}
	}
	return nil
}

// TestSnippets checks every snippet of every page.
func TestSnippets(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		for _, one := range snippets(t, page) {
			if err := check(one); err != nil {
				t.Errorf("%s:%d: %v", page, one.line, err)
			}
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)#]*)(#[^)]+)?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// TestLinks: what a page links to within the repository exists, headings included.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(content), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			target := page
			if match[1] != "" {
				target = filepath.Join(filepath.Dir(page), match[1])
			}
			if err := hasAnchor(target, match[2]); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// hasAnchor says what is wrong with a link to a heading of a page, or to a page if anchor is empty.
func hasAnchor(page, anchor string) error {
	if anchor == "" {
		_, err := os.Stat(page)
		return err
	}
	content, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	for _, found := range heading.FindAllStringSubmatch(string(content), -1) {
		words := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, found[1])
		if "#"+words == anchor {
			return nil
		}
	}
	return fmt.Errorf("%s has no heading for %s", page, anchor)
}
