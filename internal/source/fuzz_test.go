package source

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// FuzzYAML: whatever a file holds, reading it neither panics nor points outside of it.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		"service: a.B\nrpcs: {Get: {response: {a: b}}}\n", "- a\n- b: [c, {d: e}]\n", "a: &x 1\nb: *x\n", "? [a]\n: b\n",
		"a: |\n  text\nb: >-\n  more\n", "\"\\u00e9\": 'x'\n", "a: 1\na: 2\n", "\xff", "--- a\n--- b\n", "!!binary aGk=\n", "{a: b", "\t",
		"rpcs:\n  Get:\n    timeout: 1e9\n", "\uFEFFa: [b\n\n", "ä: \"€\nb", "a: b\r\nc: 'd", "---\n...\n", "%YAML 1.1\n---\n!!str\n", "a:\n\tb: c", "? \n",
		"rpcs: {G: {calls: {c: {get: x, put: y, absent_on: [404, a, 1]}}}}", "<<: {a: b}\n~: !!int x\n",
		"contract: ${env.A}\nbindings: $${x}${env.B\nserver: {max_timeout: '${env.T}', max_request_bytes: 4MB}\n",
		"upstreams:\n  a: {base_url: x, breaker: {failure_ratio: .nan}, max_connections: 0x7fffffffff}\n  B: {credentials: {header: {name: ' '}}}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, message := range []proto.Message{&configv1.Config{}, &configv1.Binding{}} {
			checkRead(t, text, message)
		}
	})
}

func checkRead(t *testing.T, text []byte, message proto.Message) {
	t.Helper()
	loader := &loader{options: Options{AllowUnsetEnv: true}}
	root := parseYAML("f.yaml", text, &loader.problems)
	if root != nil {
		checkTree(t, text, root)
		loader.fillEnvironment(root)
		if err := loader.decode(root, message); err != nil {
			t.Fatal(err)
		}
	}
	for _, problem := range loader.problems {
		checkInside(t, text, problem.Position)
	}
}

// checkTree checks every position of a tree, and that texts stand where they say.
func checkTree(t *testing.T, text []byte, node *Node) {
	t.Helper()
	checkInside(t, text, node.Position)
	if node.Offset >= 0 {
		line := strings.Split(string(text), "\n")[node.Position.Line-1]
		if at := node.At(0); !strings.HasPrefix(line[at.Column-1:], node.Text) {
			t.Errorf("%q does not stand at %v", node.Text, at)
		}
	}
	for _, field := range node.Fields {
		checkInside(t, text, field.KeyAt)
		checkTree(t, text, field.Value)
	}
	for _, item := range node.Items {
		checkTree(t, text, item)
	}
}

func checkInside(t *testing.T, text []byte, at diag.Position) {
	t.Helper()
	lines := strings.Split(string(text), "\n")
	if at.Line == 0 {
		return
	}
	if at.Line > len(lines) || at.Column < 1 || at.Column > len(lines[at.Line-1])+1 {
		t.Errorf("%v is outside of the file, which has %d lines", at, len(lines))
	}
}
