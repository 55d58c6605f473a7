package pretend

import (
	"net/http"
	"strconv"
)

type product struct {
	ID           string            `json:"id"`
	SKU          int64             `json:"sku"`
	DisplayName  string            `json:"display_name"`
	Slug         string            `json:"slug"`
	Price        price             `json:"price"`
	Warehouse    map[string]string `json:"warehouse"`
	Tags         []string          `json:"tags"`
	Attrs        map[string]string `json:"attrs"`
	ThumbPNG     string            `json:"thumb_png"`
	WeightG      int               `json:"weight_g,omitempty"`
	Manufacturer any               `json:"manufacturer"`
	SEO          map[string]string `json:"seo"`
}

type price struct {
	Cents int64  `json:"cents"`
	Cur   string `json:"cur"`
}

// onePixel is a picture of one pixel, as PNG in base64.
const onePixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

var products = []product{
	{
		ID: "p-100", SKU: 9007199254740993, DisplayName: "Enamel mug", Slug: "enamel-mug", Price: price{1450, "EUR"},
		Warehouse: map[string]string{"id": "w1", "city": "Graz"}, Tags: []string{"kitchen", "camping"},
		Attrs: map[string]string{"color": "blue", "volume": "0.3 l"}, ThumbPNG: onePixel, WeightG: 140,
		Manufacturer: map[string]any{"name": "Mug & Co", "since": 1921, "certified": true, "sites": []string{"north", "south"}},
		SEO:          map[string]string{"title": "Buy an enamel mug"},
	},
	{
		ID: "p-200", SKU: 9007199254740995, DisplayName: "Wool blanket", Slug: "wool-blanket", Price: price{8900, "EUR"},
		Warehouse: map[string]string{"id": "w2", "city": "Linz"}, Tags: []string{"living"},
		Attrs: map[string]string{"color": "grey"}, ThumbPNG: onePixel, WeightG: 1200, Manufacturer: nil,
	},
	{
		ID: "p-300", SKU: 9007199254740997, DisplayName: "Paper lantern", Slug: "paper-lantern", Price: price{1999, "EUR"},
		Warehouse: map[string]string{"id": "w1", "city": "Graz"}, Attrs: map[string]string{}, ThumbPNG: onePixel,
	},
}

func (s *Shop) catalog(mux *http.ServeMux) {
	mux.HandleFunc("GET /v2/products/{id}", func(w http.ResponseWriter, r *http.Request) {
		found := knownProduct(r.PathValue("id"))
		if found == nil {
			fail(w, http.StatusNotFound, "no such product")
			return
		}
		answer(w, http.StatusOK, found)
	})
	mux.HandleFunc("GET /v2/products", func(w http.ResponseWriter, r *http.Request) {
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		if err != nil || r.URL.Query().Get("sort") != "newest" {
			fail(w, http.StatusUnprocessableEntity, "sort and limit are required")
			return
		}
		answer(w, http.StatusOK, map[string]any{"products": products[:min(limit, len(products))], "total": len(products)})
	})
	mux.HandleFunc("GET /v2/banner", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "no banner today")
	})
}

func (s *Shop) reviews(mux *http.ServeMux) {
	mux.HandleFunc("GET /products/{id}/reviews", func(w http.ResponseWriter, r *http.Request) {
		all := []map[string]any{
			{"user": map[string]any{"name": "Ada", "id": 7}, "stars": 5, "body": "Keeps the coffee warm.", "created": "2026-03-01T08:30:00Z", "helpful": 12},
			{"user": map[string]any{"name": nil, "id": 8}, "stars": 4, "body": nil, "created": "2026-02-11T17:05:09.250+01:00", "helpful": 0},
			{"user": map[string]any{"name": "Grace", "id": 9}, "stars": 2, "body": "Chipped \u2014 too soon.", "created": "2025-12-24T12:00:00Z", "helpful": 3},
		}
		limit := len(all)
		if text := r.URL.Query().Get("limit"); text != "" {
			parsed, err := strconv.Atoi(text)
			if err != nil || parsed < 1 {
				fail(w, http.StatusUnprocessableEntity, "limit is not a positive number")
				return
			}
			limit = min(limit, parsed)
		}
		if r.PathValue("id") != "p-100" {
			limit = 0
		}
		answer(w, http.StatusOK, map[string]any{"items": all[:limit], "next": nil})
	})
}

func (s *Shop) stock(mux *http.ServeMux) {
	levels := map[string]map[string]any{
		"w1/9007199254740993": {"state": "in_stock", "level": 42, "reserved": 3},
		"w2/9007199254740995": {"state": "sold_out", "level": 0, "reserved": 0},
		"w1/9007199254740997": {"state": "discontinued", "level": 1, "reserved": 0},
	}
	mux.HandleFunc("GET /levels/{warehouse}/{sku}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+Token {
			fail(w, http.StatusUnauthorized, "token is missing or wrong")
			return
		}
		level, ok := levels[r.PathValue("warehouse")+"/"+r.PathValue("sku")]
		if !ok {
			fail(w, http.StatusNotFound, "no such article")
			return
		}
		answer(w, http.StatusOK, level)
	})
}

func (s *Shop) recommendations(mux *http.ServeMux) {
	mux.HandleFunc("GET /for", func(w http.ResponseWriter, r *http.Request) {
		picks := []map[string]any{}
		for _, p := range products[1:] {
			picks = append(picks, map[string]any{
				"product": map[string]any{"id": p.ID, "name": p.DisplayName, "cents": p.Price.Cents, "cur": p.Price.Cur},
				"score":   0.8, "model": "v7",
			})
		}
		answer(w, http.StatusOK, map[string]any{"picks": picks, "for": r.URL.Query().Get("customer")})
	})
}
