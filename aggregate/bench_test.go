package aggregate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/aggregate"
)

// instant answers at once, so that only our own work is measured.
type instant struct {
	unrenewed

	body []byte
}

func (i instant) Do(context.Context, *aggregate.Request) (*aggregate.Answer, error) {
	return &aggregate.Answer{Status: 200, Body: i.body}, nil
}

// BenchmarkRun runs RPCs of 1, 3 and 10 independent calls, each with an answer of 0.4 KB.
func BenchmarkRun(b *testing.B) {
	for _, calls := range []int{1, 3, 10} {
		b.Run(fmt.Sprintf("calls=%d", calls), func(b *testing.B) {
			body := []byte(`{"id": 7, "name": "a name", "text": "` + strings.Repeat("x", 340) + `"}`)
			var fields, declared, bound strings.Builder
			for i := range calls {
				fmt.Fprintf(&fields, "  string f%d = %d;\n", i, i+1)
				fmt.Fprintf(&declared, "      c%d: {get: \"a:/c%d/${request.id}\"}\n", i, i)
				fmt.Fprintf(&bound, "      f%d: c%d.name\n", i, i)
			}
			run, rpc := bindIn(b, fmt.Sprintf(`
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc Get(Request) returns (Response);
}
message Request {
  string id = 1;
}
message Response {
%s}
-- bindings/s.yaml --
service: t.S
rpcs:
  Get:
    calls:
%s    response:
%s`, fields.String(), declared.String(), bound.String()), "Get", &aggregate.World{Upstreams: map[string]aggregate.Upstream{"a": instant{body: body}}})
			request := dynamicpb.NewMessage(rpc.Method.Input())
			request.Set(rpc.Method.Input().Fields().ByName("id"), protoreflect.ValueOfString("p-1"))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := run.Run(b.Context(), aggregate.Input{Request: request}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
