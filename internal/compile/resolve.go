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
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// reserved are names that no call and no loop may have, and what they are for.
var reserved = map[string]string{
	"request": "the request message",
	"caller":  "who calls",
	"answers": "the status and headers of answers",
	"env":     "the environment",
	"true":    "a literal", "false": "a literal", "null": "a literal", "in": "an operator",
	"as": "CEL", "break": "CEL", "const": "CEL", "continue": "CEL", "else": "CEL", "for": "CEL", "function": "CEL",
	"if": "CEL", "import": "CEL", "let": "CEL", "loop": "CEL", "package": "CEL", "namespace": "CEL", "return": "CEL",
	"var": "CEL", "void": "CEL", "while": "CEL",
}

// resolve finds what each binding file's names stand for: services, RPCs and upstreams.
func resolve(d *draft) error {
	d.checkUpstreams()
	env, err := expr.NewEnv(d.files())
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
	variables := []expr.Variable{{Name: "request", Type: cel.ObjectType(string(r.method.Input().FullName()))}}
	if node := r.key.Value.Get("calls"); node != nil {
		for i, key := range node.Fields {
			if use, taken := reserved[key.Key]; taken {
				d.reportKey(key, "choose another name", "a call cannot be named %q: the name is reserved for %s", key.Key, use)
				continue
			}
			r.calls = append(r.calls, d.resolveCall(r, i, key))
			variables = append(variables, expr.Variable{Name: key.Key, Type: cel.DynType})
		}
	}
	var err error
	r.env, err = env.With(variables...)
	return err
}

func (d *draft) resolveCall(r *rpc, index int, key source.Field) *call {
	c := &call{index: index, key: key, message: r.message.GetCalls()[key.Key], shape: projection.NewShape()}
	for _, method := range []string{"get", "post", "put", "patch", "delete"} {
		if target := key.Value.Get(method); target != nil {
			c.method, c.target = strings.ToUpper(method), target
		}
	}
	name, _, found := strings.Cut(c.target.Text, ":")
	switch {
	case !found || strings.Contains(name, "/"):
		d.report(c.target, "write it as upstream:/path, such as catalog:/v2/products", "target names no upstream")
	case d.project.Config.GetUpstreams()[name] == nil:
		hint := diag.DidYouMean("upstreams", name, upstreamNames(d.project.Config))
		d.problems.Add(c.target.At(0), len(name), hint, "unknown upstream %q", name)
	default:
		c.upstream = name
	}
	return c
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
