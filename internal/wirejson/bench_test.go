package wirejson

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

const shop = `syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
message Page {
  string title = 1;
  repeated Product products = 2;
  map<string, string> labels = 3;
}
message Product {
  string id = 1;
  string title = 2;
  Price price = 3;
  State state = 4;
  double rating = 5;
  int32 reviews = 6;
  repeated string tags = 7;
  google.protobuf.Timestamp created_at = 8;
  bool in_stock = 9;
  string description = 10;
}
message Price { int64 units = 1; string currency = 2; }
enum State { STATE_UNSPECIFIED = 0; STATE_FOR_SALE = 1; }
`

// newPage is a page of so many products, in wire bytes.
func newPage(tb testing.TB, products int) (*Writer, []byte) {
	tb.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"shop.proto": shop}),
	})}
	compiled, err := compiler.Compile(tb.Context(), "shop.proto")
	if err != nil {
		tb.Fatal(err)
	}
	resolver := dynamicpb.NewTypes(&protoregistry.Files{})
	message := dynamicpb.NewMessage(compiled[0].Messages().ByName("Page"))
	var all []string
	for i := range products {
		all = append(all, fmt.Sprintf(`{"id": "p-%d", "title": "A product with a title", "price": {"units": "%d", "currency": "EUR"}, "state": "STATE_FOR_SALE",
			"rating": 4.%d, "reviews": %d, "tags": ["new", "garden", "wood"], "createdAt": "2024-05-06T07:08:09.120Z", "inStock": true,
			"description": "Über %d words that say what it is, and what it is for; of the length that they usually have."}`, i, 1000+i, i%10, i, i))
	}
	text := `{"title": "All \"products\"", "labels": {"shop": "main", "country": "CH"}, "products": [` + strings.Join(all, ",") + `]}`
	if err := protojson.Unmarshal([]byte(text), message); err != nil {
		tb.Fatal(err)
	}
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		tb.Fatal(err)
	}
	return NewTypes(resolver).Writer(message.Descriptor()), wire
}

// BenchmarkAppend compares the writer with what it replaces: a dynamic message, protojson, and taking out its spaces.
func BenchmarkAppend(b *testing.B) {
	for _, products := range []int{10, 520} {
		w, wire := newPage(b, products)
		buffer, err := w.Append(nil, wire)
		if err != nil {
			b.Fatal(err)
		}
		size := fmt.Sprintf("%dKB", len(wire)/1000)
		b.Run(size+"/writer", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(wire)))
			for b.Loop() {
				buffer, _ = w.Append(buffer[:0], wire)
			}
		})
		b.Run(size+"/protojson", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(wire)))
			for b.Loop() {
				buffer, _ = w.build(buffer[:0], wire)
			}
		})
	}
}
