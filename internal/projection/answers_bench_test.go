package projection_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// product is a project whose response is that of shop.v1.GetProduct, so that a handler may be written against generated code.
// Some keeps 10 to 20 % of an answer, Few about 1 %.
const product = `
-- proto/t.proto --
syntax = "proto3";
package t;
import "google/protobuf/timestamp.proto";
service S {
  rpc Some(Request) returns (Product);
  rpc Few(Request) returns (Rated);
}
message Request {}
message Product {
  string id = 1;
  string title = 2;
  Money price = 3;
  repeated Review reviews = 7;
}
message Rated {
  string id = 1;
  string title = 2;
  Money price = 3;
  repeated Rating reviews = 7;
}
message Rating {
  int32 rating = 2;
}
message Money {
  int64 units = 1;
  int32 cents = 2;
  string currency = 3;
}
message Review {
  string author = 1;
  int32 rating = 2;
  optional string text = 3;
  google.protobuf.Timestamp created_at = 4;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Some:
    calls:
      product: {get: "a:/x"}
    response:
      id: product.id
      title: product.display_name
      price: {units: product.price.units, cents: product.price.cents, currency: product.price.currency}
      reviews:
        $each: r in product.reviews
        author: r.user.name
        rating: r.stars
        text: r.title
        created_at: r.created
  Few:
    calls:
      product: {get: "a:/x"}
    response:
      id: product.id
      title: product.display_name
      price: {units: product.price.units, cents: product.price.cents, currency: product.price.currency}
      reviews:
        $each: r in product.reviews
        rating: r.stars
`

// answer is a product with so many reviews of about 600 bytes.
func answer(reviews int) []byte {
	all := make([]string, reviews)
	for i := range all {
		all[i] = fmt.Sprintf(`{"id": %d, "user": {"id": %d, "name": "Zoë Reader %d", "avatar": {"url": "https:\/\/cdn.example.com\/avatars\/%d.webp", "width": 64, "height": 64}, "badges": ["verified", "top 100"]},`+
			` "stars": %d, "title": "Größer als gedacht, aber \"sehr\" gut (%d)", "created": "2026-01-%02dT03:04:05.25Z", "body": "It holds the tea that I asked it to hold, and the cat has not broken it yet.\nI would buy it again, if only for the colour, which is that of the sea in November; déjà vu, ちば, number %d.",`+
			` "helpful": {"yes": %d, "no": 3, "ratio": 0.%d}, "verified": true, "images": [], "position": [[1.5, 2.25], [3e2, -4]], "reply": null, "locale": "de-AT"}`,
			int64(9007199254740993)+int64(i), i*7, i, i, i%5+1, i, i%28+1, i, i, i%97+1)
	}
	return []byte(fmt.Sprintf(`{"id": "p-1", "display_name": "Enamel mug", "price": {"units": 14, "cents": 50, "currency": "EUR", "net": 11.76}, "seo": {"title": "Enamel mug \u2013 shop", "keywords": ["mug", "enamel"], "robots": null},`+
		` "stock": {"warehouse": "b", "count": 12}, "reviews": [%s], "links": [{"rel": "self", "href": "/products/p-1"}]}`, strings.Join(all, ", ")))
}

// answers are the sizes that the benchmarks measure.
var answers = []struct {
	name    string
	reviews int
}{{"0.3KB", 0}, {"2KB", 3}, {"30KB", 48}, {"1MB", 1640}, {"8MB", 13100}}

// productJSON is what a handler would decode.
type productJSON struct {
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	Price       struct {
		Units    int64  `json:"units"`
		Cents    int32  `json:"cents"`
		Currency string `json:"currency"`
	} `json:"price"`
	Reviews []struct {
		User struct {
			Name string `json:"name"`
		} `json:"user"`
		Stars   int32     `json:"stars"`
		Title   string    `json:"title"`
		Created time.Time `json:"created"`
	} `json:"reviews"`
}

// handler is what a good engineer would write by hand.
func handler(body []byte) ([]byte, error) {
	var decoded productJSON
	if err := json.Unmarshal(body, &decoded); err != nil {
		return nil, err
	}
	response := &shopv1.GetProductResponse{
		Id: decoded.ID, Title: decoded.DisplayName,
		Price:   &shopv1.Money{Units: decoded.Price.Units, Cents: decoded.Price.Cents, Currency: decoded.Price.Currency},
		Reviews: make([]*shopv1.Review, len(decoded.Reviews)),
	}
	for i, one := range decoded.Reviews {
		response.Reviews[i] = &shopv1.Review{Author: one.User.Name, Rating: one.Stars, Text: &one.Title, CreatedAt: timestamppb.New(one.Created)}
	}
	return proto.Marshal(response)
}

// fewJSON is what a handler would decode that returns only ratings.
type fewJSON struct {
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	Price       struct {
		Units    int64  `json:"units"`
		Cents    int32  `json:"cents"`
		Currency string `json:"currency"`
	} `json:"price"`
	Reviews []struct {
		Stars int32 `json:"stars"`
	} `json:"reviews"`
}

func fewHandler(body []byte) ([]byte, error) {
	var decoded fewJSON
	if err := json.Unmarshal(body, &decoded); err != nil {
		return nil, err
	}
	response := &shopv1.GetProductResponse{
		Id: decoded.ID, Title: decoded.DisplayName,
		Price:   &shopv1.Money{Units: decoded.Price.Units, Cents: decoded.Price.Cents, Currency: decoded.Price.Currency},
		Reviews: make([]*shopv1.Review, len(decoded.Reviews)),
	}
	for i, one := range decoded.Reviews {
		response.Reviews[i] = &shopv1.Review{Rating: one.Stars}
	}
	return proto.Marshal(response)
}

// rules is the same by compiled rules.
func rules(tb testing.TB, rpc *plan.RPC) func(body []byte) ([]byte, error) {
	tb.Helper()
	request := dynamicpb.NewMessage(rpc.Method.Input())
	return func(body []byte) ([]byte, error) {
		document, err := rpc.Calls[0].Shape.Scan(body)
		if err != nil {
			return nil, err
		}
		scope := &projection.Scope{Context: tb.Context(), Request: request, Answers: []*projection.Document{document}}
		wire, reports, _ := rpc.Response.Append(make([]byte, 0, 256+document.Size()/2), scope)
		if len(reports) > 0 {
			return nil, fmt.Errorf("reports: %v", reports)
		}
		return wire, nil
	}
}

// projections are each projection beside its handler.
func projections(tb testing.TB) map[string][2]func(body []byte) ([]byte, error) {
	tb.Helper()
	compiled := plantest.Compile(tb, product)
	return map[string][2]func(body []byte) ([]byte, error){
		"some": {rules(tb, compiled.Find("Some")), handler},
		"few":  {rules(tb, compiled.Find("Few")), fewHandler},
	}
}

// TestAnswers: what the benchmarks measure gives the same message both ways.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, both := range projections(t) {
		var messages [2]shopv1.GetProductResponse
		for i, one := range both {
			wire, err := one(answer(48))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := proto.Unmarshal(wire, &messages[i]); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if !proto.Equal(&messages[0], &messages[1]) {
			t.Errorf("%s: got  %v\nwant %v", name, &messages[0], &messages[1])
		}
	}
}

// BenchmarkAnswers measures answers of each size, beside a handler by hand: cpu-ns/op is the processor's time, with that of the
// collector, since the clock also counts what others do.
func BenchmarkAnswers(b *testing.B) {
	for name, both := range projections(b) {
		for _, size := range answers {
			body := answer(size.reviews)
			for i, by := range []string{"rules", "hand"} {
				b.Run(name+"/"+size.name+"/"+by, func(b *testing.B) {
					b.SetBytes(int64(len(body)))
					b.ReportAllocs()
					before := processorTime(b)
					for b.Loop() {
						if _, err := both[i](body); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
				})
			}
		}
	}
}

// processorTime is what the process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
