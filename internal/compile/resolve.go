package compile

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// reserved are names that no call, no loop and no let may have, and what they are for.
var reserved = map[string]string{
	"request":   "the request message",
	"caller":    "the identity of whoever calls",
	"answers":   "the status and headers of answers",
	"answer":    "the answer at hand",
	"account":   "the account that calls are made for",
	"page":      "the page that is asked for",
	"warnings":  "the optional calls that failed",
	"now":       "the time",
	"remaining": "the time that is left",
	"env":       "the environment",
	"true":      "a literal", "false": "a literal", "null": "a literal", "in": "an operator",
	"as": "CEL", "break": "CEL", "const": "CEL", "continue": "CEL", "else": "CEL", "for": "CEL", "function": "CEL",
	"if": "CEL", "import": "CEL", "let": "CEL", "loop": "CEL", "package": "CEL", "namespace": "CEL", "return": "CEL",
	"var": "CEL", "void": "CEL", "while": "CEL",
}

// resolve finds what each binding file's names stand for: services, RPCs and upstreams. It checks the settings of sheaf.yaml, too.
func resolve(d *draft) error {
	d.checkUpstreams()
	d.checkRedis()
	d.checkRenewed()
	d.checkAdmin()
	d.checkListeners()
	d.checkOwnSecret(d.project.ConfigFile.Root.Get("server", "page_token_key"))
	env, err := expr.NewEnv(d.files(), d.extensions.Expressions...)
	if err != nil {
		return err
	}
	for i := range d.project.Bindings {
		if err := d.resolveBinding(&d.project.Bindings[i], env); err != nil {
			return err
		}
	}
	return nil
}

// files is a registry of the contract's files.
func (d *draft) files() *protoregistry.Files {
	return d.project.Contract.Files
}

func (d *draft) resolveBinding(binding *source.Binding, env *expr.Env) error {
	service := d.service(binding.Root.Get("service"))
	if service == nil {
		return nil
	}
	for _, key := range binding.Root.Get("rpcs").Fields {
		method := service.Methods().ByName(protoreflect.Name(key.Key))
		switch {
		case method == nil:
			hint := diag.DidYouMean("RPCs", key.Key, names(service.Methods()))
			d.reportKey(key, hint, "unknown RPC %q in %s", key.Key, service.FullName())
			continue
		case method.IsStreamingClient() || method.IsStreamingServer():
			d.reportKey(key, "remove it; only unary RPCs can be bound", "RPC %q is streaming", key.Key)
			continue
		}
		draft := &rpc{binding: binding, key: key, message: binding.Message.GetRpcs()[key.Key], method: method}
		draft.index = len(d.rpcs)
		if err := d.resolveCalls(draft, env); err != nil {
			return err
		}
		d.rpcs = append(d.rpcs, draft)
	}
	return nil
}

func (d *draft) service(node *source.Node) protoreflect.ServiceDescriptor {
	var known []string
	for _, service := range d.project.Contract.Services {
		if string(service.FullName()) == node.Text {
			return service
		}
		known = append(known, string(service.FullName()))
	}
	d.report(node, diag.DidYouMean("services", node.Text, known), "unknown service %q", node.Text)
	return nil
}

// resolveCalls declares the calls of an RPC, so that expressions may name them in any order.
func (d *draft) resolveCalls(r *rpc, env *expr.Env) error {
	if node := r.key.Value.Get("calls"); node != nil {
		for _, key := range node.Fields {
			if use, taken := reserved[key.Key]; taken {
				d.reportKey(key, "choose another name", "a call cannot be named %q: the name is reserved for %s", key.Key, use)
				continue
			}
			r.calls = append(r.calls, d.resolveCall(r, len(r.calls), key))
		}
	}
	r.declareDocuments()
	variables := []expr.Variable{
		{Name: "request", Type: cel.ObjectType(string(r.method.Input().FullName()))},
		{Name: nowName, Type: cel.TimestampType},
		{Name: remainingName, Type: cel.DurationType},
	}
	for name := range r.documents {
		variables = append(variables, expr.Variable{Name: name, Type: cel.DynType})
	}
	var err error
	r.env, err = env.With(variables...)
	return err
}

// resolveCall finds what a call targets.
func (d *draft) resolveCall(r *rpc, index int, key source.Field) *call {
	c := &call{index: index, key: key, message: r.message.GetCalls()[key.Key]}
	for _, field := range key.Value.Fields {
		switch field.Key {
		case "get", "post", "put", "patch", "delete":
			c.method, c.target = strings.ToUpper(field.Key), field.Value
			c.upstream = d.resolveUpstream(field.Value)
		case "rpc":
			c.target = field.Value
			c.callee = d.resolveRPC(field.Value)
		case "function":
			c.target = field.Value
			c.callee = d.resolveFunction(field.Value)
		}
	}
	return c
}

func (d *draft) resolveUpstream(target *source.Node) string {
	name, _, found := strings.Cut(target.Text, ":")
	switch {
	case !found || strings.Contains(name, "/"):
		d.report(target, "write it as upstream:/path, such as catalog:/v2/products", "target names no upstream")
		return ""
	case d.project.Config.GetUpstreams()[name] == nil:
		hint := diag.DidYouMean("upstreams", name, upstreamNames(d.project.Config))
		d.problems.Add(target.At(0), len(name), hint, "unknown upstream %q", name)
		return ""
	default:
		return name
	}
}

// resolveRPC finds the RPC that a call targets, in the contract. Which binding of it is meant is found when all are known.
func (d *draft) resolveRPC(target *source.Node) *callee {
	name, method, found := strings.Cut(target.Text, "/")
	var known []string
	for _, service := range d.project.Contract.Services {
		known = append(known, string(service.FullName()))
		if !found || string(service.FullName()) != name {
			continue
		}
		if rpc := service.Methods().ByName(protoreflect.Name(method)); rpc != nil && !rpc.IsStreamingClient() && !rpc.IsStreamingServer() {
			return &callee{method: rpc, input: rpc.Input(), output: rpc.Output()}
		}
		d.problems.Add(target.At(len(name)+1), len(method), diag.DidYouMean("RPCs", method, names(service.Methods())),
			"unknown unary RPC %q in %s", method, service.FullName())
		return &callee{}
	}
	if !found {
		d.report(target, "write it as SERVICE/RPC, such as shop.v1.StorefrontService/GetProduct", "target names no RPC")
		return &callee{}
	}
	d.problems.Add(target.At(0), len(name), diag.DidYouMean("services", name, known), "unknown service %q", name)
	return &callee{}
}

// resolveFunction finds a function of the program around.
func (d *draft) resolveFunction(target *source.Node) *callee {
	function, ok := d.extensions.Functions[target.Text]
	if !ok {
		known := sortedKeys(d.extensions.Functions)
		hint := diag.DidYouMean("functions", target.Text, known)
		if len(known) == 0 {
			hint = "functions are registered in Go, by the program that embeds Sheaf"
		}
		d.report(target, hint, "unknown function %q", target.Text)
		return &callee{}
	}
	found := &callee{function: target.Text}
	for _, message := range []struct {
		name protoreflect.FullName
		to   *protoreflect.MessageDescriptor
	}{{function.Input, &found.input}, {function.Output, &found.output}} {
		descriptor, err := d.files().FindDescriptorByName(message.name)
		if err != nil {
			d.report(target, "import its file in the contract", "function %q takes or gives %s, which the contract does not have", target.Text, message.name)
			return &callee{}
		}
		*message.to = descriptor.(protoreflect.MessageDescriptor)
	}
	return found
}

func upstreamNames(config *configv1.Config) []string {
	var names []string
	for name := range config.GetUpstreams() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// names are the names of a list of descriptors.
func names[D protoreflect.Descriptor](list interface {
	Len() int
	Get(i int) D
}) []string {
	found := make([]string, list.Len())
	for i := range found {
		found[i] = string(list.Get(i).Name())
	}
	return found
}
