package bff_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/gen/shop/v1/shopv1connect"
)

// TestRules: what no rule allows is denied, over every protocol, before any upstream is asked.
func TestRules(t *testing.T) {
	t.Parallel()
	h := openHouseWith(t, `policy:
  rules:
    products:
      rpcs: [shop.v1.StorefrontService/GetProduct]
      allow: peer.listener == "public" && request.product_id.startsWith("p-")
    secret_product:
      rpcs: ["shop.v1.StorefrontService/*"]
      deny: rpc.endsWith("/GetProduct") && now > timestamp("2020-01-01T00:00:00Z") && caller.provider != "anonymous"
    broken:
      rpcs: [shop.v1.StorefrontService/GetProduct]
      deny: request.product_id == "p-200" && caller.claims.nothing
`)
	for _, way := range ways() {
		if got, _ := way.call(t, h, "p-100"); got.GetTitle() != "Enamel mug" {
			t.Errorf("%s: response = %v", way.name, got)
		}
	}
	asked := h.shop.Calls()["catalog"]
	for _, options := range [][]connect.ClientOption{nil, {connect.WithGRPC()}, {connect.WithGRPCWeb()}, {connect.WithHTTPGet()}, {connect.WithProtoJSON()}} {
		client := shopv1connect.NewStorefrontServiceClient(h.h2c, h.url, options...)
		for _, product := range []string{"x", "p-200"} {
			_, err := client.GetProduct(withDeadline(t), connect.NewRequest(&shopv1.GetProductRequest{ProductId: product}))
			h.checkDenied(t, err)
		}
		_, err := client.GetOrder(withDeadline(t), connect.NewRequest(&shopv1.GetOrderRequest{OrderId: 1}))
		h.checkDenied(t, err)
	}
	if more := h.shop.Calls()["catalog"] - asked; more != 0 {
		t.Errorf("catalog was asked %d times for what is denied", more)
	}
	if response := post(t, h, getProduct, `{"productId": "x"}`); response.StatusCode != http.StatusForbidden {
		t.Errorf("status = %d: %s", response.StatusCode, readAll(t, response))
	}
}

func (h *house) checkDenied(t *testing.T, err error) {
	t.Helper()
	told, ok := errors.AsType[*connect.Error](err)
	if !ok || told.Code() != connect.CodePermissionDenied || strings.Contains(err.Error(), "product") {
		t.Fatalf("error = %v", err)
	}
	info := detail[*errdetails.ErrorInfo](t, told)
	if info.GetReason() != "POLICY_DENIED" {
		t.Errorf("detail = %v", info)
	}
}

const hiddenFields = `policy:
  fields:
    staff:
      fields: [shop.v1.GetProductResponse.in_stock, shop.v1.Review.created_at, shop.v1.GetProductResponse.attributes]
      allow: has(caller.claims.staff)
    everyone:
      fields: [shop.v1.GetProductResponse.tags]
      allow: caller.provider == "anonymous"
`

// TestHiddenFields: hidden fields are in no response, over no protocol, and everything else is.
func TestHiddenFields(t *testing.T) {
	t.Parallel()
	whole, h := openHouse(t), openHouseWith(t, hiddenFields)
	want, _ := viaPost(t, whole, "p-100")
	if want.InStock == nil || want.GetReviews()[0].GetCreatedAt() == nil || len(want.GetAttributes()) == 0 || len(want.GetTags()) == 0 {
		t.Fatalf("nothing to hide: %v", want)
	}
	want.InStock, want.Attributes = nil, nil
	for _, review := range want.GetReviews() {
		review.CreatedAt = nil
	}
	for _, way := range ways() {
		if got, _ := way.call(t, h, "p-100"); !proto.Equal(got, want) {
			t.Errorf("%s: response = %v\nwant %v", way.name, got, want)
		}
	}
}

// TestHiddenPartial: the report of what is missing does not say that a hidden field is.
func TestHiddenPartial(t *testing.T) {
	t.Parallel()
	h := openHouseWith(t, hiddenFields)
	h.shop.Break("stock", http.StatusServiceUnavailable)
	for _, way := range ways() {
		got, report := way.call(t, h, "p-100")
		missing := got.GetPartial().GetMissingCalls()
		if len(missing) != 1 || missing[0].GetCall() != "stock" || strings.Join(missing[0].GetFields(), ",") != "availability" {
			t.Errorf("%s: partial = %v", way.name, got.GetPartial())
		}
		if !strings.Contains(report, "availability") || strings.Contains(report, "in_stock") {
			t.Errorf("%s: report = %s", way.name, report)
		}
	}
}

// TestPersonalCaching: what depends on who calls is for the one who called, and its tag is of what that one may see.
func TestPersonalCaching(t *testing.T) {
	t.Parallel()
	controls := map[string]string{"catalog": "max-age=60", "reviews": "max-age=60", "stock": "max-age=60"}
	open, _ := openCaching(t, controls)
	public := open.ask(t, "")
	if kept := public.Header.Get("Cache-Control"); strings.HasPrefix(kept, "private") {
		t.Fatalf("Cache-Control = %s", kept)
	}
	for name, test := range map[string]struct{ instead, settings string }{
		"hidden": {calls, hiddenFields},
		"rules":  {calls, "policy: {rules: {all: {rpcs: ['*'], allow: 'true'}}}\n"},
		"caller": {calls + "        query: {who: \"${caller.provider}\"}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := openEdited(t, controls, test.instead, test.settings)
			response := h.ask(t, "")
			if kept := response.Header.Get("Cache-Control"); !strings.HasPrefix(kept, "private, max-age=") {
				t.Errorf("Cache-Control = %s: %s", kept, readAll(t, response))
			}
			differs := response.Header.Get("ETag") != public.Header.Get("ETag")
			if differs != (name == "hidden") {
				t.Errorf("ETag = %s, of the whole %s", response.Header.Get("ETag"), public.Header.Get("ETag"))
			}
			if again := h.ask(t, response.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
				t.Errorf("with its tag: %d", again.StatusCode)
			}
		})
	}
}
