package storefront_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// mutant is an upstream that answers as the pretend shop does, but for one value of one call's answer.
type mutant struct {
	shop     *pretend.Shop
	upstream string
	call     string
	mutate   func(document any) any
}

// Renew implements aggregate.Upstream: the shop's credentials do not expire.
func (mutant) Renew(context.Context, string, uint64) error { return nil }

func (m mutant) Do(_ context.Context, call aggregate.Request) (aggregate.Answer, error) {
	request := httptest.NewRequest(call.Method, m.prefix()+call.Path+"?"+call.Query, strings.NewReader(string(call.Body)))
	request.Header.Set("Authorization", "Bearer "+pretend.Token)
	request.Header.Set("Content-Type", "application/json")
	maps.Copy(request.Header, call.Header)
	recorder := httptest.NewRecorder()
	m.shop.Handler(m.upstream).ServeHTTP(recorder, request)
	if slices.Contains(call.AbsentOn, recorder.Code) {
		return aggregate.Answer{Status: recorder.Code, Absent: true}, nil
	}
	if recorder.Code > 299 {
		return aggregate.Answer{}, &aggregate.Failure{Reason: plan.ReasonFailed, Err: fmt.Errorf("answered %d", recorder.Code)}
	}
	body := recorder.Body.Bytes()
	if call.Name == m.call {
		var document any
		decoder := json.NewDecoder(recorder.Body)
		decoder.UseNumber()
		if err := decoder.Decode(&document); err != nil {
			return aggregate.Answer{}, err
		}
		body, _ = json.Marshal(m.mutate(document))
	}
	return aggregate.Answer{Status: recorder.Code, Body: body}, nil
}

// prefix is the path below which the orders service is, as sheaf.yaml's base_url has it.
func (m mutant) prefix() string {
	if m.upstream == "orders" {
		return "/api"
	}
	return ""
}

// mutations are what can become of a value.
var mutations = map[string]func(value any) any{
	"null":   func(any) any { return nil },
	"text":   func(any) any { return "another text" },
	"number": func(any) any { return json.Number("-7.25") },
	"huge":   func(any) any { return json.Number("1e400") },
	"big":    func(any) any { return json.Number("98765432109876543210987654321") },
	"bool":   func(value any) any { return value != true },
	"list":   func(value any) any { return []any{value} },
	"object": func(value any) any { return map[string]any{"value": value} },
	"long":   func(any) any { return strings.Repeat("long ", 20_000) },
}

// removed is what a mutation returns to leave a key out.
type removed struct{}

// paths calls f for every place in a document, with a function that gives a copy of the document changed there.
func paths(document any, name string, rebuild func(any) any, f func(path string, change func(any) any, value any)) {
	f(name, rebuild, document)
	switch value := document.(type) {
	case map[string]any:
		for key, member := range value {
			paths(member, name+"."+key, func(changed any) any {
				copied := maps.Clone(value)
				copied[key] = changed
				if changed == (removed{}) {
					delete(copied, key)
				}
				return rebuild(copied)
			}, f)
		}
	case []any:
		for i, element := range value {
			paths(element, fmt.Sprintf("%s[%d]", name, i), func(changed any) any {
				copied := slices.Clone(value)
				copied[i] = changed
				if changed == (removed{}) {
					copied = slices.Delete(copied, i, i+1)
				}
				return rebuild(copied)
			}, f)
		}
	}
}

// TestTruth changes every value of every answer in turn. Never is there a panic, and never a response with other values
// than before unless the field is gone where the contract allows that, the change is reported, or the new value is as
// right as the old one.
func TestTruth(t *testing.T) {
	t.Parallel()
	compiled, err := compile.Dir(".", source.Options{AllowUnsetEnv: true})
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for name, request := range map[string]string{
		"GetProduct": `{"productId": "p-100"}`, "GetHome": `{"customerId": "c"}`, "GetOrder": `{"orderId": "9007199254740993"}`,
		"ListOrders": `{}`,
	} {
		rpc := compiled.Find(name)
		want := runMutant(t, compiled, rpc, request, "", nil)
		for _, call := range rpc.Calls {
			var original any
			runMutant(t, compiled, rpc, request, call.Name, func(document any) any { original = document; return document })
			if original == nil {
				continue // absent
			}
			paths(original, call.Name, func(changed any) any { return changed }, func(path string, change func(any) any, value any) {
				tried += checkMutations(t, compiled, rpc, request, call, path, change, value, want)
			})
		}
	}
	const least = 500
	if tried < least {
		t.Errorf("tried %d mutations, want at least %d", tried, least)
	}
}

func checkMutations(t *testing.T, compiled *plan.Plan, rpc *plan.RPC, request string, call *plan.Call, path string, change func(any) any, value any, want *outcome) int {
	t.Helper()
	all := maps.Clone(mutations)
	if strings.ContainsAny(path, ".[") {
		all["removed"] = func(any) any { return removed{} }
	}
	for name, mutate := range all {
		got := runMutant(t, compiled, rpc, request, call.Name, func(any) any { return change(mutate(value)) })
		if got.err != nil || got.partial || proto.Equal(got.message, want.message) {
			continue
		}
		for _, field := range changedFields(want.message, got.message) {
			if isPlausible(name, field) {
				continue
			}
			t.Errorf("%s: %s made %s: %s changed without a report\ngot  %v\nwant %v", rpc.Name(), path, name, field.path, got.message, want.message)
		}
	}
	return len(all)
}

// outcome is what came of an RPC.
type outcome struct {
	message *dynamicpb.Message
	partial bool
	err     error
}

func runMutant(t *testing.T, compiled *plan.Plan, rpc *plan.RPC, request, call string, mutate func(any) any) *outcome {
	t.Helper()
	upstreams, shop := map[string]aggregate.Upstream{}, pretend.NewShop()
	for _, name := range pretend.Names() {
		upstreams[name] = mutant{shop: shop, upstream: name, call: call, mutate: mutate}
	}
	bound, err := aggregate.Bind(compiled, &aggregate.World{Upstreams: upstreams})
	if err != nil {
		t.Fatal(err)
	}
	input := dynamicpb.NewMessage(rpc.Method.Input())
	if err := protojson.Unmarshal([]byte(request), input); err != nil {
		t.Fatal(err)
	}
	result, err := bound[rpc.Name()].Run(t.Context(), aggregate.Input{Request: input})
	if err != nil {
		return &outcome{err: err}
	}
	message := dynamicpb.NewMessage(rpc.Method.Output())
	if err := proto.Unmarshal(result.Message, message); err != nil {
		t.Fatalf("response is no message: %v", err)
	}
	return &outcome{message: message, partial: result.Partial != nil}
}

// changed is a field whose value differs.
type changed struct {
	path       string
	descriptor protoreflect.FieldDescriptor
	isSet      bool
	text       string
}

// changedFields are the leaves that differ between two messages.
func changedFields(want, got protoreflect.Message) []changed {
	var found []changed
	fields := want.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		before, after := want.Get(field), got.Get(field)
		one := changed{path: string(field.Name()), descriptor: field, isSet: got.Has(field), text: after.String()}
		switch {
		case want.Has(field) == got.Has(field) && before.Equal(after):
		case field.Message() != nil && !field.IsList() && !field.IsMap() && want.Has(field) && got.Has(field):
			found = append(found, changedFields(before.Message(), after.Message())...)
		case field.IsList() && field.Message() != nil && before.List().Len() == after.List().Len():
			for j := range before.List().Len() {
				found = append(found, changedFields(before.List().Get(j).Message(), after.List().Get(j).Message())...)
			}
		default:
			found = append(found, one)
		}
	}
	return found
}

// isPlausible reports whether a field may differ like this without a report: it is gone where a client can tell, or it
// holds a value that the upstream might just as well have meant.
func isPlausible(mutation string, field changed) bool {
	descriptor := field.descriptor
	mayBeUnset := descriptor.HasPresence() || descriptor.IsList() || descriptor.IsMap() || descriptor.Kind() == protoreflect.EnumKind
	if !field.isSet {
		return mayBeUnset
	}
	switch mutation {
	case "text", "long": // another text is a text
		return descriptor.Kind() == protoreflect.StringKind || descriptor.IsMap() || isFreeForm(descriptor) || descriptor.Kind() == protoreflect.BytesKind
	case "number", "bool", "list", "object", "null", "big", "huge":
		// A free-form field takes anything, $else any state, and a whole number in a text field is an identifier.
		return isFreeForm(descriptor) || descriptor.Kind() == protoreflect.EnumKind ||
			mutation == "big" && descriptor.Kind() == protoreflect.StringKind || mutation == "big" && descriptor.IsMap() || field.text == "anonymous"
	default: // removed: a list is shorter, a map smaller, a default is used
		return descriptor.IsList() || descriptor.IsMap() || isFreeForm(descriptor) || field.text == "anonymous"
	}
}

func isFreeForm(descriptor protoreflect.FieldDescriptor) bool {
	return descriptor.Parent().ParentFile().Path() == "google/protobuf/struct.proto" ||
		descriptor.Message() != nil && descriptor.Message().ParentFile().Path() == "google/protobuf/struct.proto"
}
