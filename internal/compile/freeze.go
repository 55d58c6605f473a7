package compile

import (
	"fmt"
	"slices"
	"strings"
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
	return &plan.Plan{Server: server, Upstreams: upstreams, Services: freezeServices(d), Files: d.files()}, nil
}

func freezeServices(d *draft) []*plan.Service {
	services := map[protoreflect.FullName]*plan.Service{}
	for _, rpc := range d.rpcs {
		descriptor := rpc.method.Parent().(protoreflect.ServiceDescriptor)
		service := services[descriptor.FullName()]
		if service == nil {
			service = &plan.Service{Descriptor: descriptor}
			services[descriptor.FullName()] = service
		}
		service.RPCs = append(service.RPCs, rpc.freeze(d))
	}
	var sorted []*plan.Service
	for _, service := range services {
		sorted = append(sorted, service)
	}
	slices.SortFunc(sorted, func(a, b *plan.Service) int {
		return strings.Compare(string(a.Descriptor.FullName()), string(b.Descriptor.FullName()))
	})
	return sorted
}

func (r *rpc) freeze(d *draft) *plan.RPC {
	frozen := &plan.RPC{
		Method: r.method, Timeout: duration(r.message.GetTimeout()), PartialField: partialField(r.method.Output()),
		Response: projection.Response{Fields: rules(r.fields)}, At: r.key.KeyAt,
	}
	for _, call := range r.calls {
		frozen.Calls = append(frozen.Calls, call.freeze(d, r))
	}
	for _, call := range r.calls {
		for _, need := range call.needs {
			frozen.Calls[need].NeededBy = append(frozen.Calls[need].NeededBy, call.index)
		}
	}
	for _, f := range r.fields {
		frozen.Sources = append(frozen.Sources, f.sources()...)
	}
	return frozen
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

func (c *call) freeze(d *draft, r *rpc) *plan.Call {
	frozen := &plan.Call{
		Name: c.key.Key, Upstream: c.upstream, Method: c.method, Path: c.path,
		Query: freezeParameters(c.query), Headers: freezeParameters(c.headers), Body: c.body,
		Optional: c.message.GetOptional(), Timeout: c.timeout(d, r), Needs: c.needs,
		Shape: c.shape, Fields: r.fieldsFrom(c.index), At: c.key.KeyAt,
	}
	for _, status := range c.message.GetAbsentOn() {
		frozen.AbsentOn = append(frozen.AbsentOn, int(status))
	}
	for i, hole := range c.holes {
		frozen.PathValues = append(frozen.PathValues, hole.Operand)
		frozen.PathNeeds = union(frozen.PathNeeds, hole.calls)
		if hole.constant() {
			frozen.RequestHoles = append(frozen.RequestHoles, i)
		}
	}
	return frozen
}

// timeout is the shortest of the call's, its upstream's and the RPC's; 0 if none of them has one.
func (c *call) timeout(d *draft, r *rpc) time.Duration {
	var shortest time.Duration
	for _, timeout := range []time.Duration{
		duration(c.message.GetTimeout()), duration(d.project.Config.GetUpstreams()[c.upstream].GetTimeout()), duration(r.message.GetTimeout()),
	} {
		if timeout > 0 && (shortest == 0 || timeout < shortest) {
			shortest = timeout
		}
	}
	return shortest
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
		if f.loop != nil {
			from = "each " + f.loop.name + " in " + from
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
	const defaultRequest, defaultDrain = 4 << 20, 20 * time.Second
	config := d.project.Config
	server := plan.Server{Listen: config.GetListen(), MaxRequestBytes: defaultRequest, MaxTimeout: d.maxTimeout(), DrainTimeout: defaultDrain}
	if server.Listen == "" {
		server.Listen = "127.0.0.1:8080"
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
	return server, nil
}
