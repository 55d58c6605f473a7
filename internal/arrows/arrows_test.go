package arrows_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sheaf-rpc/sheaf/"

// rule says what a package of ours may import of ours, and what neither it nor what it imports of ours may import.
type rule struct {
	may   []string
	never []string
}

// network are the packages that a check, which is offline, cannot need.
var network = []string{"net/http", "connectrpc.com/connect"}

// belowPlan are the packages that plans are made of, and what serves any package.
var belowPlan = []string{"internal/diag", "internal/expr", "internal/urltemplate", "internal/projection"}

// table is the import table. A name that ends in a slash is every package below it. Of gen/, the engine knows Sheaf's own
// messages, and not those of the examples.
var table = map[string]rule{
	"internal/diag":        {never: append([]string{"google.golang.org/protobuf/proto"}, network...)},
	"internal/urltemplate": {may: []string{"internal/expr"}, never: network},
	"internal/rawjson":     {never: network}, // how JSON is read in place is what expressions and projections share
	"internal/expr":        {may: []string{"internal/rawjson"}, never: network},
	"internal/projection":  {may: []string{"internal/diag", "internal/expr", "internal/lazypb", "internal/rawjson"}, never: network},
	"internal/plan":        {may: belowPlan, never: network},
	"internal/source":      {may: []string{"internal/diag", "internal/expr", "gen/sheaf/"}, never: network},
	"internal/compile":     {may: append([]string{"internal/plan", "internal/source", "gen/sheaf/"}, belowPlan...), never: network},
	"aggregate": { // the client's token passes through it, as a secret that does not print
		may:   append([]string{"internal/plan", "internal/lazyctx", "internal/pagetoken", "internal/secret", "gen/sheaf/"}, belowPlan...),
		never: []string{"connectrpc.com/connect", module + "internal/compile", module + "internal/source", module + "upstreams"},
	},
	"internal/livefile":  {never: network},
	"internal/lru":       {never: network},
	"internal/secret":    {may: []string{"internal/livefile"}, never: network},
	"internal/pagetoken": {never: network},
	"internal/store":     {may: []string{"internal/livefile", "internal/lru", "internal/secret"}, never: network},
	"internal/tlsfile":   {may: []string{"internal/livefile"}, never: network},
	"internal/lazyctx":   {never: network},
	"internal/heap":      {never: network},
	"internal/httpwire":  {may: []string{"internal/lazyctx"}, never: []string{"connectrpc.com/connect"}},
	"internal/httpcache": {never: []string{"connectrpc.com/connect"}},
	"upstreams": {
		may:   []string{"internal/httpcache", "internal/httpwire", "internal/lazyctx", "internal/lru", "internal/secret", "internal/store"},
		never: []string{"google.golang.org/protobuf/proto", "connectrpc.com/connect", module + "internal/plan", module + "aggregate"},
	},
	"internal/identity": { // a key that was made is a secret
		may:   []string{"internal/expr", "internal/lru", "internal/secret", "internal/store"},
		never: []string{"connectrpc.com/connect", module + "internal/plan", module + "aggregate", module + "upstreams"},
	},
	"internal/policy": { // a report of what is missing names fields, which may be hidden
		may:   []string{"internal/expr", "internal/identity", "internal/lazyctx", "internal/store", "gen/sheaf/"},
		never: []string{module + "internal/plan", module + "aggregate", module + "upstreams"},
	},
	"internal/edge":      {never: []string{"connectrpc.com/connect"}},
	"internal/telemetry": {never: []string{"connectrpc.com/connect"}},
	"internal/watch":     {never: network},
	"internal/bounds":    {never: network},
	"internal/lazypb":    {never: network},
	"internal/compare":   {never: network},
	"internal/wirejson":  {never: network},
	"bff": {may: append([]string{
		"aggregate", "upstreams", "internal/bounds", "internal/compare", "internal/compile", "internal/source", "internal/plan", "internal/policy", "internal/identity", "internal/edge", "internal/lazyctx", "internal/lazypb", "internal/secret",
		"internal/httpcache", "internal/pagetoken", "internal/store", "internal/telemetry", "internal/tlsfile", "internal/wirejson", "gen/sheaf/",
	}, belowPlan...)},
	"cmd/sheaf": {may: []string{
		"bff", "internal/compile", "internal/diag", "internal/heap", "internal/plan", "internal/source", "internal/telemetry", "internal/watch",
		"examples/storefront", "examples/storefront/pretend",
		"examples/social", "examples/social/pretend",
	}},
	"internal/jsonschema":           {never: network},
	"internal/jsonschema/generate":  {may: []string{"internal/jsonschema"}, never: network},
	"internal/protoimage":           {may: []string{"internal/source"}, never: network},
	"internal/plantest":             {may: []string{"internal/compile", "internal/plan", "internal/source"}, never: network},
	"internal/mutationtest":         {may: []string{"bff"}},
	"internal/arrows":               {},
	"internal/jaegertest":           {},
	"internal/slowtest":             {},
	"internal/faulttest":            {},
	"internal/edgetest":             {},
	"internal/docstest":             {},
	"internal/costtest":             {},
	"examples/storefront":           {},
	"examples/storefront/pretend":   {},
	"examples/storefront/upstreams": {may: []string{"examples/storefront/pretend"}},
	"examples/pocketbase":           {},
	"examples/conformance/server":   {may: []string{"bff"}},
	"examples/social":               {},
	"examples/social/pretend":       {},
}

// imports are the direct imports of each package of the module, without those of its tests.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...")
	output, err := command.Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	found := map[string][]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var listed struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&listed); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimPrefix(listed.ImportPath, module)] = listed.Imports
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	packages := imports(t)
	for _, name := range named() {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(packages)), covers(name)) {
			t.Errorf("the table names %s, which does not exist any more", name)
		}
	}
	for name, direct := range packages {
		if strings.HasPrefix(name, "gen/") {
			continue
		}
		rule, known := table[name]
		if !known {
			t.Errorf("package %s is not in the table: say what it may import", name)
			continue
		}
		for _, imported := range direct {
			if own, isOwn := strings.CutPrefix(imported, module); isOwn && !rule.allows(own) {
				t.Errorf("%s imports %s, which the table does not allow", name, own)
			}
		}
		for _, banned := range rule.never {
			if path := reach(packages, name, banned); path != nil {
				t.Errorf("%s must never reach %s: %s", name, banned, strings.Join(path, " -> "))
			}
		}
	}
}

// named are the packages of ours that the table names anywhere: a ban of a package that has moved would ban nothing.
func named() []string {
	var names []string
	for name, rule := range table {
		names = append(append(names, name), rule.may...)
		for _, banned := range rule.never {
			if own, isOwn := strings.CutPrefix(banned, module); isOwn {
				names = append(names, own)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// covers tells whether a package is what a name of the table means.
func covers(name string) func(own string) bool {
	return func(own string) bool {
		return own == name || strings.HasSuffix(name, "/") && strings.HasPrefix(own, name)
	}
}

func (r rule) allows(own string) bool {
	return slices.ContainsFunc(r.may, func(allowed string) bool { return covers(allowed)(own) })
}

// reach is a chain of our own packages from one to an import of banned, or nil. Generated code does not count: it imports
// what its runtime needs.
func reach(packages map[string][]string, name, banned string) []string {
	for _, imported := range packages[name] {
		if imported == banned {
			return []string{name, banned}
		}
		own, isOwn := strings.CutPrefix(imported, module)
		if !isOwn || strings.HasPrefix(own, "gen/") {
			continue
		}
		if rest := reach(packages, own, banned); rest != nil {
			return append([]string{name}, rest...)
		}
	}
	return nil
}
