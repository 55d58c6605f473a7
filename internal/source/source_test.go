package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/internal/source"
)

const storefront = "../../examples/storefront"

func load(t *testing.T, dir string) *source.Project {
	t.Helper()
	project, problems, err := source.Load(dir, source.Options{AllowUnsetEnv: true})
	if err != nil || len(problems) > 0 {
		t.Fatalf("load: %v, %v", problems, err)
	}
	return project
}

// TestRules: protovalidate's rules in a contract that was compiled from source hold for dynamic messages.
func TestRules(t *testing.T) {
	t.Parallel()
	checkRules(t, load(t, storefront))
}

func checkRules(t *testing.T, project *source.Project) {
	t.Helper()
	descriptor, err := project.Contract.Files.FindDescriptorByName("shop.v1.GetProductRequest")
	if err != nil {
		t.Fatal(err)
	}
	message := dynamicpb.NewMessage(descriptor.(protoreflect.MessageDescriptor))
	if err := protovalidate.Validate(message); err == nil || !strings.Contains(err.Error(), "product_id") {
		t.Errorf("validate an empty request: %v, want a violation of product_id", err)
	}
	message.Set(message.Descriptor().Fields().ByName("product_id"), protoreflect.ValueOfString("p"))
	if err := protovalidate.Validate(message); err != nil {
		t.Errorf("validate: %v", err)
	}
}

// TestDescriptorSet: a contract may be an image instead of a directory; what it only imports is not served.
func TestDescriptorSet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(storefront)); err != nil {
		t.Fatal(err)
	}
	set, err := source.Image(filepath.Join(storefront, "proto"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "contract.binpb"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(dir, "sheaf.yaml"), "contract: proto", "contract: contract.binpb")
	project := load(t, dir)
	checkRules(t, project)
	if len(project.Contract.Services) != 1 || project.Contract.Services[0].FullName() != "shop.v1.StorefrontService" {
		t.Errorf("services = %v", project.Contract.Services)
	}
}

func replace(t *testing.T, path, before, after string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(content), before, after)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPositions: a scalar's bytes are found where the file has them, behind multi-byte characters too.
func TestPositions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(storefront)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "bindings", "storefront.yaml")
	const text = "service: shop.v1.StorefrontService\nrpcs:\n  GetProduct:\n    response: {\"é\": x, a: 'quoted', b: \"esc\\taped\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	response := load(t, dir).Bindings[0].Root.Get("rpcs", "GetProduct", "response")
	for key, want := range map[string]string{"é": "x", "a": "quoted"} {
		node := response.Get(key)
		at := node.At(0)
		line := strings.Split(text, "\n")[at.Line-1]
		if got := line[at.Column-1 : at.Column-1+len(want)]; got != want {
			t.Errorf("%s points at %q, want %q", key, got, want)
		}
	}
	if node := response.Get("b"); node.Offset != -1 || node.At(3) != node.Position {
		t.Errorf("b has offset %d, but its text does not stand in the file", node.Offset)
	}
}

// FuzzBinding: whatever a binding file holds, reading it neither panics nor points outside of it.
func FuzzBinding(f *testing.F) {
	for _, seed := range []string{
		"service: a.B\nrpcs: {Get: {response: {a: b}}}\n", "- a\n- b: [c, {d: e}]\n", "a: &x 1\nb: *x\n", "? [a]\n: b\n",
		"a: |\n  text\nb: >-\n  more\n", "\"\\u00e9\": 'x'\n", "a: 1\na: 2\n", "\xff", "--- a\n--- b\n", "!!binary aGk=\n", "{a: b", "\t", "rpcs:\n  Get:\n    timeout: 1e9\n",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	if err := os.CopyFS(dir, os.DirFS(storefront)); err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(dir, "bindings", "storefront.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, problems, err := source.Load(dir, source.Options{AllowUnsetEnv: true})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for _, problem := range problems {
			at := problem.Position
			if at.Line > len(lines)+1 || at.Line > 0 && at.Line <= len(lines) && at.Column > len(lines[at.Line-1])+2 {
				t.Errorf("problem at %v, but the file has %d lines", at, len(lines))
			}
		}
	})
}
