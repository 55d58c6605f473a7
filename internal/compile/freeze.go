package compile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// freeze makes the plan of a draft in which nothing is wrong.
func freeze(d *draft) (*plan.Plan, error) {
	upstreams, err := freezeUpstreams(d)
	if err != nil {
		return nil, err
	}
	server, err := freezeServer(d)
	if err != nil {
		return nil, err
	}
	digest, err := d.digest()
	if err != nil {
		return nil, err
	}
	services, frozen := freezeServices(d)
	return &plan.Plan{
		Server: server, Upstreams: upstreams, Services: services, Routes: d.freezeRoutes(frozen), Files: d.files(), Accounts: freezeAccounts(d),
		Renewed: freezeRenewed(d), Redis: freezeRedis(d), Policy: d.policy, Digest: digest,
	}, nil
}

// freezeServices gives the RPCs by their indices, too.
func freezeServices(d *draft) ([]*plan.Service, []*plan.RPC) {
	frozen := make([]*plan.RPC, len(d.rpcs))
	services := map[string]*plan.Service{}
	for i, rpc := range d.rpcs {
		frozen[i] = rpc.freeze(d)
		descriptor := rpc.method.Parent().(protoreflect.ServiceDescriptor)
		key := string(descriptor.FullName()) + " " + rpc.bindingName()
		if services[key] == nil {
			services[key] = &plan.Service{Descriptor: descriptor, Binding: rpc.bindingName()}
		}
		services[key].RPCs = append(services[key].RPCs, frozen[i])
	}
	for i, rpc := range d.rpcs {
		for j, call := range rpc.calls {
			if call.callee == nil {
				continue
			}
			for _, reached := range call.callee.reaches {
				frozen[i].Calls[j].Callee.Reaches = append(frozen[i].Calls[j].Callee.Reaches, frozen[reached.index])
			}
		}
	}
	var sorted []*plan.Service
	for _, key := range sortedKeys(services) {
		sorted = append(sorted, services[key])
	}
	return sorted, frozen
}

func (r *rpc) freeze(d *draft) *plan.RPC {
	frozen := &plan.RPC{
		Method: r.method, Binding: r.bindingName(), Timeout: duration(r.message.GetTimeout()), Cost: max(1, cmp.Or(int(r.message.GetCost()), len(r.calls))), PartialField: partialField(r.method.Output()),
		Response: projection.Response{Fields: rules(r.fields)}, At: r.key.KeyAt,
		Headers: freezeParameters(r.headers), Trailers: freezeParameters(r.trailers), Account: operandOf(r.account),
		Shapes: plan.Shapes{
			Page: r.shapeOf("page"), Items: r.shapeOf(mergedName), Account: r.shapeOf("account"), Warnings: r.shapeOf("warnings"), Caller: r.shapeOf(callerName),
		},
		Pages: r.freezePages(),
	}
	if frozen.Binding == "" {
		frozen.Access = d.policy.AccessTo(frozen.Name(), d.freezeInternal())
		frozen.Access.Hidden = d.hiddenFrom(r)
		frozen.Limits = d.policy.LimitsOf(frozen.Name())
	}
	for _, let := range r.lets {
		if let.path == nil {
			frozen.Lets = append(frozen.Lets, let.from.Operand.(*projection.Computed))
		}
	}
	for _, one := range r.require {
		frozen.Require = append(frozen.Require, plan.Requirement{
			That: one.that.Operand, Message: one.message.Operand, Field: one.field, Reason: one.reason, At: one.at.Position,
		})
	}
	for _, call := range r.calls {
		frozen.Calls = append(frozen.Calls, call.freeze(d, r))
	}
	for _, call := range r.calls {
		for _, need := range call.needs {
			frozen.Calls[need].NeededBy = append(frozen.Calls[need].NeededBy, call.index)
		}
	}
	setBehind(frozen.Calls)
	for _, f := range r.fields {
		frozen.Sources = append(frozen.Sources, f.sources()...)
	}
	return frozen
}

// setBehind measures the chains of calls that wait for each. There are no circles, so that no chain is longer than there are
// calls.
func setBehind(calls []*plan.Call) {
	for range calls {
		for _, call := range calls {
			for _, next := range call.NeededBy {
				call.Behind = max(call.Behind, calls[next].Behind+1)
			}
		}
	}
}

// shapeOf is what is needed of a document; nil if nothing is.
func (r *rpc) shapeOf(name string) *projection.Shape {
	if found := r.documents[name]; found != nil && !found.shape.Empty() {
		return found.shape
	}
	return nil
}

// operandOf is an operand as a plan has it; nil for none.
func operandOf(o *operand) projection.Operand {
	if o == nil {
		return nil
	}
	return o.Operand
}

// partialField is the number of the field that a contract opts in to the report of what is missing with, or 0.
func partialField(message protoreflect.MessageDescriptor) protowire.Number {
	for i := range message.Fields().Len() {
		f := message.Fields().Get(i)
		if f.Message() != nil && f.Message().FullName() == partialType && !f.IsList() {
			return f.Number()
		}
	}
	return 0
}

func freezeParameters(parameters []parameter) []plan.Parameter {
	var frozen []plan.Parameter
	for _, parameter := range parameters {
		frozen = append(frozen, plan.Parameter{Name: parameter.name, Value: parameter.from.Operand, At: parameter.at.Position})
	}
	return frozen
}

// fieldsFrom are the paths of the response fields that come from a call's answer. A list that comes from it stands for
// all that is below.
func (r *rpc) fieldsFrom(call int) []string {
	var paths []string
	var visit func(fields []*field)
	visit = func(fields []*field) {
		for _, f := range fields {
			if f.from != nil && slices.Contains(f.from.calls, call) {
				if !slices.Contains(paths, f.path) {
					paths = append(paths, f.path)
				}
				continue
			}
			visit(f.children)
		}
	}
	visit(r.fields)
	return paths
}

// sources say where a field and those below it come from, for sheaf plan.
func (f *field) sources() []plan.Source {
	var sources []plan.Source
	if f.from != nil {
		from := f.note + f.from.String()
		switch {
		case f.join != nil:
			from = fmt.Sprintf("the %s in %s with %s == %s", f.loop.name, from, f.join.element, f.join.place)
		case f.loop != nil:
			from = "each " + f.loop.name + " in " + from
		}
		if f.loop != nil && f.loop.where != nil {
			from += " where " + f.loop.where.String()
		}
		if f.when != nil {
			from += " if " + f.when.String()
		}
		if f.fallback != nil {
			from += ", or " + f.fallback.String()
		}
		sources = append(sources, plan.Source{Field: f.path, Type: f.typeName(), From: from, At: f.from.at.Position})
	}
	if f.loop != nil && f.mapKey != nil {
		sources = append(sources, plan.Source{
			Field: f.path + "[key]", Type: typeName(f.mapKey.descriptor), From: f.mapKey.from.String(), At: f.mapKey.from.at.Position,
		})
	}
	for _, child := range f.children {
		sources = append(sources, child.sources()...)
	}
	return sources
}

func (f *field) typeName() string {
	if f.element {
		return singleName(f.descriptor)
	}
	return typeName(f.descriptor)
}

func duration(d interface{ AsDuration() time.Duration }) time.Duration {
	return d.AsDuration() // 0 for a nil *durationpb.Duration
}

func freezeServer(d *draft) (plan.Server, error) {
	const defaultRequest, defaultDrain, defaultDepth, defaultElements = 4 << 20, 20 * time.Second, 100, 10_000
	config := d.project.Config
	server := plan.Server{Listen: config.GetListen(), MaxRequestBytes: defaultRequest, MaxTimeout: d.maxTimeout(), DrainTimeout: defaultDrain,
		MaxWork: int(config.GetServer().GetMaxWork()), Admin: d.freezeAdmin(), Internal: d.freezeInternal(),
		MaxDepth:    cmp.Or(int(config.GetServer().GetMaxDepth()), defaultDepth),
		MaxElements: cmp.Or(int(config.GetServer().GetMaxElements()), defaultElements), AllowUnknownFields: config.GetServer().GetAllowUnknownFields(),
		TLS:     freezeServerTLS(config.GetServer().GetTls(), d.project.ConfigFile.Root.Get("server", "tls")),
		Proxies: d.freezeProxies(), CORS: d.freezeCORS(), Reflection: d.hasReflection()}
	if server.Listen == "" {
		server.Listen = defaultListen
	}
	if drain := config.GetServer().GetDrainTimeout(); drain != nil {
		server.DrainTimeout = drain.AsDuration()
	}
	if size := config.GetServer().GetMaxRequestBytes(); size != "" {
		bytes, err := parseSize(size)
		if err != nil {
			return server, fmt.Errorf("read server.max_request_bytes: %w", err)
		}
		server.MaxRequestBytes = int(bytes)
	}
	if key := config.GetServer().GetPageTokenKey(); key != nil {
		server.PageTokenKey = plan.Secret{Env: key.GetEnv(), File: key.GetFile(), At: d.project.ConfigFile.Root.Get("server", "page_token_key").Position}
	}
	return server, nil
}

func freezeAccounts(d *draft) map[string]plan.Account {
	if d.project.Accounts == nil {
		return nil
	}
	frozen := map[string]plan.Account{}
	for id, account := range d.project.Accounts.Message.GetAccounts() {
		secrets := map[string]plan.Secret{}
		for name, secret := range account.GetSecrets() {
			at := d.project.Accounts.Root.Get("accounts", id, "secrets", name).Position
			secrets[name] = plan.Secret{Env: secret.GetEnv(), File: secret.GetFile(), At: at}
		}
		frozen[id] = plan.Account{Attributes: account.GetAttributes(), Secrets: secrets}
	}
	return frozen
}
