package jsonschema_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

func compile(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func validate(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	var document any
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	return schema.Validate(document)
}

// TestExamples: what Sheaf accepts, the schemas accept.
func TestExamples(t *testing.T) {
	t.Parallel()
	for path, schema := range map[string]string{
		"../../examples/storefront/sheaf.yaml":               "../../gen/jsonschema/sheaf.schema.json",
		"../../examples/pocketbase/sheaf.yaml":               "../../gen/jsonschema/sheaf.schema.json",
		"../../examples/storefront/bindings/storefront.yaml": "../../gen/jsonschema/binding.schema.json",
		"../../examples/pocketbase/bindings/library.yaml":    "../../gen/jsonschema/binding.schema.json",
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, compile(t, schema), string(text)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestEnvironment: any text of sheaf.yaml may come from the environment, also where a text has a form.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	config := compile(t, "../../gen/jsonschema/sheaf.schema.json")
	for _, text := range []string{
		"{contract: '${env.A}', bindings: '${env.A}/bindings', listen: '${env.HOST}:${env.PORT}'}",
		"{contract: proto, bindings: bindings, server: {max_timeout: '${env.TIMEOUT}', max_request_bytes: '${env.SIZE}'}}",
		"{contract: proto, bindings: bindings, server: {max_timeout: '${env.SECONDS}s', max_request_bytes: '${env.SIZE}MiB'}}",
		"{contract: proto, bindings: bindings, upstreams: {a: {base_url: 'http://${env.HOST}', headers: {X-Version: 2}}}}",
	} {
		if err := validate(t, config, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestRefused: what Sheaf refuses of the vocabulary, the schemas refuse too.
func TestRefused(t *testing.T) {
	t.Parallel()
	config, binding := compile(t, "../../gen/jsonschema/sheaf.schema.json"), compile(t, "../../gen/jsonschema/binding.schema.json")
	for _, text := range []string{
		"{}",
		"{contract: proto, bindings: bindings, listn: x}",
		"{contract: '', bindings: bindings}",
		"{contract: proto, bindings: bindings, server: {max_timeout: $env.TIMEOUT}}",
		"{contract: proto, bindings: bindings, server: {max_timeout: 30}}",
		"{contract: proto, bindings: bindings, upstreams: {a: {base_url: http://x, max_connections: -1}}}",
		"{contract: proto, bindings: bindings, upstreams: {a: {base_url: http://x, breaker: {failure_ratio: 0}}}}",
		"{contract: proto, bindings: bindings, upstreams: {a: {}}}",
		"{contract: proto, bindings: bindings, upstreams: {A-b: {base_url: http://x}}}",
		"{contract: proto, bindings: bindings, upstreams: {a: {base_url: http://x, timeout: soon}}}",
		"{contract: proto, bindings: bindings, upstreams: {a: {base_url: http://x, max_answer_bytes: 1MB}}}",
		"{contract: proto, bindings: bindings, upstreams: {a: {base_url: http://x, credentials: {}}}}",
		"{contract: proto, bindings: bindings, upstreams: {a: {base_url: http://x, credentials: {bearer: {env: A, file: b}}}}}",
		"{contract: proto, bindings: bindings, upstreams: {a: {base_url: http://x, breaker: {failure_ratio: 2}}}}",
	} {
		if validate(t, config, text) == nil {
			t.Errorf("accepted %s", text)
		}
	}
	for _, text := range []string{
		"{}",
		"{service: a.S}",
		"{service: a.S, rpcs: {}}",
		"{service: a.S, rpcs: {Get: {timeout: '${env.TIMEOUT}'}}}",
		"{service: a.S, rpcs: {Get: {calls: {A: {get: x}}}}}",
		"{service: a.S, rpcs: {Get: {calls: {a: {get: x, absent_on: [404, 404]}}}}}",
		"{service: a.S, rpcs: {Get: {calls: {a: {}}}}}",
		"{service: a.S, rpcs: {Get: {calls: {a: {get: x, post: y}}}}}",
		"{service: a.S, rpcs: {Get: {calls: {a: {get: x, absent_on: [200]}}}}}",
		"{service: a.S, rpcs: {Get: {respons: {}}}}",
	} {
		if validate(t, binding, text) == nil {
			t.Errorf("accepted %s", text)
		}
	}
}
