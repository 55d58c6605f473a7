package source_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/wellknownimports"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
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

// TestIncompleteSet: a descriptor set has to hold what its files import.
func TestIncompleteSet(t *testing.T) {
	t.Parallel()
	set, err := source.Image("testdata/base/proto")
	if err != nil {
		t.Fatal(err)
	}
	set.File[0].Dependency = []string{"google/protobuf/empty.proto"}
	raw, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	dir := copyBase(t)
	overlay(t, filepath.Join(dir, "contract.binpb"), raw)
	replace(t, filepath.Join(dir, "sheaf.yaml"), "contract: proto", "contract: contract.binpb")
	_, problems, err := source.Load(dir, source.Options{})
	if err != nil || len(problems) != 1 {
		t.Fatalf("got problems %v (%v), want one", problems, err)
	}
	if got := problems.Err().Error(); !strings.Contains(got, "sheaf.yaml:1:11: contract.binpb is not complete") || !strings.Contains(got, "empty.proto") {
		t.Errorf("got %s", got)
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

// TestCopies: what is built in is linked with the copies that a contract's directory has of what it imports, and rules
// still hold.
func TestCopies(t *testing.T) {
	t.Parallel()
	standard := wellknownimports.WithStandardImports(protocompile.ResolverFunc(func(string) (protocompile.SearchResult, error) {
		return protocompile.SearchResult{}, fs.ErrNotExist
	}))
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(storefront)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"descriptor", "duration", "timestamp", "any"} {
		name = "google/protobuf/" + name + ".proto"
		found, err := standard.FindFileByPath(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(found.Source)
		if err != nil {
			t.Fatal(err)
		}
		overlay(t, filepath.Join(dir, "proto", name), text)
	}
	project := load(t, dir)
	checkRules(t, project)
	for _, name := range []protoreflect.FullName{"google.protobuf.Duration", "buf.validate.FieldRules", "sheaf.v1.Partial"} {
		descriptor, err := project.Contract.Files.FindDescriptorByName(name)
		if err != nil {
			t.Fatal(err)
		}
		linked, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
		if err != nil || descriptor.ParentFile() == linked.ParentFile() {
			t.Errorf("%s is the built-in one (%v)", name, err)
		}
	}
}

// TestKinds: plain scalars are what YAML 1.2's core schema says, and their text is the one in the file.
func TestKinds(t *testing.T) {
	t.Parallel()
	kinds := map[source.Kind][]string{
		source.Null:   {"", "~", "null", "Null", "NULL", "!!null null"},
		source.Bool:   {"true", "False", "TRUE", "!!bool true"},
		source.Int:    {"0", "-1", "+7", "007", "0o17", "0xfF", "18446744073709551616", "!!int 1"},
		source.Float:  {"1.5", ".5", "1.", "-1e3", "6.02E+23", ".inf", "-.INF", ".NaN", "123456789.0123456789", "!!float 1.5"},
		source.String: {"yes", "no", "on", "off", "y", "tRUE", "nULL", "1_000", "0b11", "1:30", "2001-01-01", "0x", "1e", "=", "'1'", `"true"`, "!!str 1", "! 1"},
		source.List:   {"[a]", "!!seq []"},
		source.Map:    {"{a: b}", "!!map {}"},
	}
	for kind, texts := range kinds {
		for _, text := range texts {
			node := response(t, "  a: "+text+"\n").Get("a")
			if node.Kind != kind {
				t.Errorf("%q is %v, want %v", text, node.Kind, kind)
			}
			scalar := kind < source.String && !strings.HasPrefix(text, "!!")
			if scalar && node.Text != text {
				t.Errorf("%q has the text %q", text, node.Text)
			}
		}
	}
}

// response loads a project whose one RPC has a response, and returns it. Each line of it is indented by two.
func response(t *testing.T, lines string) *source.Node {
	t.Helper()
	dir := copyBase(t)
	overlay(t, filepath.Join(dir, "bindings", "shop.yaml"), []byte("service: shop.v1.Shop\nrpcs:\n Get:\n  response:\n   b: 1\n"+indented(lines)))
	return load(t, dir).Bindings[0].Root.Get("rpcs", "Get", "response")
}

func indented(lines string) string {
	var text strings.Builder
	for line := range strings.Lines(lines) {
		text.WriteString(" " + line)
	}
	return text.String()
}

// TestPositions: a scalar's bytes are found where the file has them, behind multi-byte characters too.
func TestPositions(t *testing.T) {
	t.Parallel()
	dir := copyBase(t)
	const text = "\uFEFF{service: shop.v1.Shop, rpcs: {Get: {response: {\"é\": x, a: 'quoted', ä: \"€\", b: \"esc\\taped\", c: 'it''s'}}}}\r\n"
	overlay(t, filepath.Join(dir, "bindings", "shop.yaml"), []byte(text))
	response := load(t, dir).Bindings[0].Root.Get("rpcs", "Get", "response")
	for key, want := range map[string]string{"é": "x", "a": "quoted", "ä": "€"} {
		at := response.Get(key).At(0)
		line := strings.Split(text, "\n")[at.Line-1]
		if got := line[at.Column-1 : at.Column-1+len(want)]; got != want {
			t.Errorf("%s points at %q, want %q", key, got, want)
		}
	}
	if at := response.Get("a").At(3); text[at.Column-1:at.Column+1] != "te" {
		t.Errorf("the third byte of a is at %v", at)
	}
	for _, key := range []string{"b", "c"} {
		if node := response.Get(key); node.Offset != -1 || node.At(3) != node.Position {
			t.Errorf("%s has offset %d, but its text does not stand in the file", key, node.Offset)
		}
	}
}

// TestFile: what cannot stand in a golden case of text.
func TestFile(t *testing.T) {
	t.Parallel()
	const head = "service: shop.v1.Shop\n"
	for name, test := range map[string]struct{ text, want string }{
		"UTF-8":               {head + "rpcs: \xff\n", "2:7: file is not valid UTF-8"},
		"UTF-16":              {"\xff\xfea\x00", "1:1: file is not valid UTF-8"},
		"carriage return":     {head + "a: b\rc: d\n", "2:5: line ends with a carriage return alone"},
		"last return":         {head + "a: b\r", "2:5: line ends with a carriage return alone"},
		"lines of Windows":    {"service: shop.v1.Shop\r\nrpcs:\r\n  Get:\r\n    respons: {}\r\n", `4:5: unknown key "respons"`},
		"open on Windows":     {head + "a: [b\r\n\r\n", "2:4: YAML does not parse: [ is not closed"},
		"control":             {"service: \"ä\x1b\"\n", "1:13: character U+001B is not allowed"},
		"NUL":                 {head + "\x00", "2:1: character U+0000 is not allowed"},
		"delete":              {"\x7f", "1:1: character U+007F is not allowed"},
		"next line":           {"a: b\u0085c: d", "1:5: character U+0085 is not allowed"},
		"line separator":      {"a: 'b\u2028'", "1:6: character U+2028 is not allowed"},
		"paragraph separator": {"a: 'b\u2029'", "1:6: character U+2029 is not allowed"},
		"second mark":         {"\uFEFF\uFEFF", "1:4: character U+FEFF is not allowed"},
		"mark":                {"\uFEFFx: y\n" + head + "rpcs: {Get: {}}", `1:4: unknown key "x"`},
		"large":               {head + "# " + strings.Repeat("x", 1<<20), "file is larger than 1 MiB"},
		"deep":                {head + "rpcs: " + strings.Repeat("[", 20_000), "2:10007: file is nested more than 100 deep"},
		"deep block":          {deepBlock(), "102:102: file is nested more than 100 deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := copyBase(t)
			overlay(t, filepath.Join(dir, "bindings", "shop.yaml"), []byte(test.text))
			_, found, err := source.Load(dir, source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != 1 {
				t.Fatalf("got problems %v, want one", found)
			}
			got := strings.TrimPrefix(found[0].Position.String()+": "+found[0].Message, "bindings/shop.yaml:")
			if strings.TrimSpace(got) != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// deepBlock nests maps by indentation.
func deepBlock() string {
	var text strings.Builder
	for depth := range 103 {
		text.WriteString(strings.Repeat(" ", depth) + "a:\n")
	}
	return text.String()
}

// TestConfig: holes are filled, and the paths of secrets are relative to the working directory.
func TestConfig(t *testing.T) {
	t.Parallel()
	dir := copyBase(t)
	overlay(t, filepath.Join(dir, "sheaf.yaml"), []byte(`contract: ${env.CONTRACT}
bindings: bindings
listen: "$${env.HOST}:${env.PORT}"
upstreams:
  catalog:
    base_url: http://${env.HOST}/${ env.HOST }
    timeout: ${env.TIMEOUT}
    credentials: {bearer: {file: secrets/token}}
    headers: {Version: 2, Beta: true}
    tls: {ca: secrets/ca.pem, certificate: secrets/c.pem, key: /run/c.key, server_name: ca}
  stock:
    base_url: ${env.HOST}
    credentials: {header: {name: X-Key, file: "/run/${env.HOST}"}}
`))
	project, problems, err := source.Load(dir, source.Options{LookupEnv: lookup("CONTRACT=proto\nHOST=a${b}\nPORT=80\nTIMEOUT=1500ms\n")})
	if err != nil || problems != nil {
		t.Fatal(problems, err)
	}
	catalog, stock := project.Config.GetUpstreams()["catalog"], project.Config.GetUpstreams()["stock"]
	for what, got := range map[string][2]string{
		"contract":    {project.Config.GetContract(), "proto"},
		"listen":      {project.Config.GetListen(), "${env.HOST}:80"},
		"base_url":    {catalog.GetBaseUrl(), "http://a${b}/a${b}"},
		"timeout":     {catalog.GetTimeout().AsDuration().String(), "1.5s"},
		"file":        {catalog.GetCredentials().GetBearer().GetFile(), filepath.Join(dir, "secrets", "token")},
		"authorities": {catalog.GetTls().GetCa(), filepath.Join(dir, "secrets", "ca.pem")},
		"certificate": {catalog.GetTls().GetCertificate(), filepath.Join(dir, "secrets", "c.pem")},
		"key":         {catalog.GetTls().GetKey(), "/run/c.key"},
		"server name": {catalog.GetTls().GetServerName(), "ca"},
		"absolute":    {stock.GetCredentials().GetHeader().GetFile(), "/run/a${b}"},
		"number":      {catalog.GetHeaders()["Version"], "2"},
		"truth value": {catalog.GetHeaders()["Beta"], "true"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s = %q, want %q", what, got[0], got[1])
		}
	}
	if got := project.ConfigFile.Root.Get("listen").At(3); got != project.ConfigFile.Root.Get("listen").Position {
		t.Errorf("a filled text points into the file, at %v", got)
	}
}

// TestBrokenVariable: a variable has to hold text; what it holds is not shown.
func TestBrokenVariable(t *testing.T) {
	t.Parallel()
	dir := copyBase(t)
	replace(t, filepath.Join(dir, "sheaf.yaml"), "http://catalog.internal", "${env.CATALOG_URL}")
	_, problems, err := source.Load(dir, source.Options{LookupEnv: lookup("CATALOG_URL=\xff\n")})
	if err != nil || len(problems) != 1 {
		t.Fatalf("got problems %v (%v), want one", problems, err)
	}
	if got, want := problems.Err().Error(), "sheaf.yaml:5:17: environment variable CATALOG_URL is not valid UTF-8"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestUnset: what a variable that is not set would say stays as it is written, and unset in the message where that is not
// a text.
func TestUnset(t *testing.T) {
	t.Parallel()
	dir := copyBase(t)
	overlay(t, filepath.Join(dir, "sheaf.yaml"), []byte(`contract: proto
bindings: bindings
server: {max_request_bytes: "${env.SIZE}"}
upstreams:
  catalog: {base_url: "${env.CATALOG_URL}/v2", timeout: "${env.TIMEOUT}"}
`))
	project := load(t, dir)
	catalog := project.Config.GetUpstreams()["catalog"]
	if catalog.GetBaseUrl() != "${env.CATALOG_URL}/v2" || catalog.GetTimeout() != nil || project.Config.GetServer().GetMaxRequestBytes() != "${env.SIZE}" {
		t.Errorf("got %v", project.Config)
	}
}

// TestFreeForm: trees that only their reader understands stay out of the message, so that no number loses a digit.
func TestFreeForm(t *testing.T) {
	t.Parallel()
	dir := copyBase(t)
	overlay(t, filepath.Join(dir, "bindings", "shop.yaml"), []byte(`service: shop.v1.Shop
rpcs:
  Get:
    calls:
      product: {post: catalog:/p, body: {n: 18446744073709551617}, query: {b: 2, a: [1]}}
    response: {title: product.title}
`))
	binding := load(t, dir).Bindings[0]
	call := binding.Message.GetRpcs()["Get"].GetCalls()["product"]
	if call.GetBody() != nil || binding.Message.GetRpcs()["Get"].GetResponse() != nil || len(call.GetQuery()) != 2 {
		t.Errorf("got %v", binding.Message)
	}
	tree := binding.Root.Get("rpcs", "Get", "calls", "product")
	if got := tree.Get("body", "n").Text; got != "18446744073709551617" {
		t.Errorf("body.n = %s", got)
	}
	if got := tree.Get("query").Fields[0].Key; got != "b" {
		t.Errorf("the first query parameter is %q, want b", got)
	}
	if tree.Get("body", "none", "deeper") != nil || (*source.Node)(nil).Get("a") != nil {
		t.Error("got a node where none is")
	}
}

// TestBindings: links to files are files, as in mounted directories; other things are not read.
func TestBindings(t *testing.T) {
	t.Parallel()
	dir := copyBase(t)
	bindings := filepath.Join(dir, "bindings")
	text, err := os.ReadFile(filepath.Join(bindings, "shop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	overlay(t, filepath.Join(bindings, "..data", "linked.yml"), text)
	for name, target := range map[string]string{"a.yml": "..data/linked.yml", ".#shop.yaml": "nobody@nowhere", "b.yaml": "..data"} {
		if err := os.Symlink(target, filepath.Join(bindings, name)); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, binding := range load(t, dir).Bindings {
		names = append(names, binding.Path)
	}
	if got := strings.Join(names, " "); got != "bindings/a.yml bindings/shop.yaml" {
		t.Errorf("read %s", got)
	}
}
