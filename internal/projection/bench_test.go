package projection_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

const reviews = `
-- proto/t.proto --
syntax = "proto3";
package t;
import "google/protobuf/timestamp.proto";
service S {
  rpc Get(Request) returns (Response);
}
message Request {}
message Response {
  string id = 1;
  string title = 2;
  int64 cents = 3;
  repeated Review reviews = 4;
}
message Review {
  string author = 1;
  int32 rating = 2;
  google.protobuf.Timestamp created_at = 3;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Get:
    calls:
      product: {get: "a:/x"}
    response:
      id: product.id
      title: product.display_name
      cents: product.price.cents
      reviews:
        $each: r in product.reviews
        author: r.user.name
        rating: r.stars
        created_at: r.created
`

// BenchmarkProjection: an answer of about 2.3 KB, of which a quarter is mapped.
func BenchmarkProjection(b *testing.B) {
	rpc := plantest.Compile(b, reviews).Find("Get")
	var items []string
	for i := range 12 {
		items = append(items, fmt.Sprintf(`{"id": %d, "user": {"id": %d, "name": "Reader %d"}, "stars": %d, "created": "2026-01-02T03:04:05Z", "body": "Quite a long text that nobody asked for, number %d.", "helpful": %d}`, i, i*7, i, i%5+1, i, i))
	}
	body := []byte(fmt.Sprintf(`{"id": "p-1", "display_name": "Enamel mug", "price": {"cents": 1450, "cur": "EUR"}, "seo": {"title": "x", "keywords": ["a", "b"]}, "reviews": [%s]}`, strings.Join(items, ",")))
	request := dynamicpb.NewMessage(rpc.Method.Input())
	buffer := make([]byte, 0, 4096)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		document, err := rpc.Calls[0].Shape.Scan(body)
		if err != nil {
			b.Fatal(err)
		}
		scope := &projection.Scope{Context: b.Context(), Request: request, Answers: []*projection.Document{document}}
		if _, reports, _ := rpc.Response.Append(buffer, scope); len(reports) > 0 {
			b.Fatal(reports)
		}
	}
}
