package pretend

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
)

type order struct {
	Number     int64          `json:"number"`
	Customer   string         `json:"customer"`
	Created    string         `json:"created"`
	State      string         `json:"state"`
	Lines      []orderLine    `json:"lines"`
	Payment    map[string]any `json:"payment"`
	TotalCents int64          `json:"total_cents"`
	Currency   string         `json:"currency"`
	Note       *string        `json:"note"`
}

type orderLine struct {
	Product   string `json:"product"`
	Quantity  int    `json:"qty"`
	UnitCents int64  `json:"unit_cents"`
}

func firstOrders() map[int64]order {
	note := "Ring twice."
	return map[int64]order{
		9007199254740993: {
			Number: 9007199254740993, Customer: "c-1", Created: "2026-10-02T09:15:00Z", State: "shipped", Note: &note,
			Lines:   []orderLine{{"p-100", 2, 1450}, {"p-200", 1, 8900}},
			Payment: map[string]any{"card": map[string]any{"last4": "4242", "brand": "any"}}, TotalCents: 11800, Currency: "EUR",
		},
		9007199254740994: {
			Number: 9007199254740994, Customer: "c-2", Created: "2026-11-20T18:00:00Z", State: "new",
			Lines:   []orderLine{{"p-300", 10, 1999}},
			Payment: map[string]any{"invoice": map[string]any{"no": "I-77", "due": "2026-12-20T00:00:00Z"}}, TotalCents: 19990, Currency: "EUR",
		},
	}
}

func (s *Shop) orderRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/orders/{number}", s.getOrder)
	mux.HandleFunc("GET /api/orders/{number}/shipments", s.getShipments)
	mux.HandleFunc("GET /api/orders", s.listOrders)
	mux.HandleFunc("POST /api/orders", s.postOrder)
	mux.HandleFunc("PATCH /api/orders/{number}", s.patchOrder)
	mux.HandleFunc("DELETE /api/orders/{number}", s.deleteOrder)
}

// find is the order of a request's path; if there is none, it has answered.
func (s *Shop) find(w http.ResponseWriter, r *http.Request) (order, bool) {
	number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.orders[number]
	if err != nil || !ok {
		fail(w, http.StatusNotFound, "no such order")
	}
	return found, err == nil && ok
}

func (s *Shop) getOrder(w http.ResponseWriter, r *http.Request) {
	if found, ok := s.find(w, r); ok {
		answer(w, http.StatusOK, found)
	}
}

func (s *Shop) getShipments(w http.ResponseWriter, r *http.Request) {
	found, ok := s.find(w, r)
	switch {
	case !ok:
	case found.State == "new":
		fail(w, http.StatusNotFound, "nothing has been sent")
	default:
		answer(w, http.StatusOK, map[string]any{"shipments": []map[string]any{
			{
				"carrier": map[string]any{"name": "Alpenpost", "transit": "129600s"},
				"boxes": []map[string]any{
					{"track": "AP1", "contents": []map[string]any{{"product": "p-100", "qty": 1}, {"product": "p-200", "qty": 1}}},
					{"track": "AP2", "contents": []map[string]any{{"product": "p-100", "qty": 1}}},
				},
			},
			{"carrier": map[string]any{"name": "Bike messenger"}, "boxes": []map[string]any{}},
		}})
	}
}

func (s *Shop) postOrder(w http.ResponseWriter, r *http.Request) {
	var placed struct {
		Customer string      `json:"customer"`
		Lines    []orderLine `json:"lines"`
		Note     *string     `json:"note"`
	}
	if err := decode(r, &placed); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if placed.Customer == "" || len(placed.Lines) == 0 || placed.Lines[0].Quantity < 1 || r.Header.Get("X-Channel") == "" {
		fail(w, http.StatusUnprocessableEntity, "customer, lines and X-Channel are required")
		return
	}
	s.mu.Lock()
	created := order{
		Number: s.nextOrder, Customer: placed.Customer, Created: "2026-11-23T12:00:00Z", State: "new", Lines: placed.Lines,
		Payment: map[string]any{}, TotalCents: placed.Lines[0].UnitCents * int64(placed.Lines[0].Quantity), Currency: "EUR", Note: placed.Note,
	}
	s.orders[created.Number] = created
	s.nextOrder++
	s.mu.Unlock()
	answer(w, http.StatusCreated, created)
}

func (s *Shop) patchOrder(w http.ResponseWriter, r *http.Request) {
	found, ok := s.find(w, r)
	if !ok {
		return
	}
	var change struct {
		Note *string `json:"note"`
	}
	if err := decode(r, &change); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if change.Note != nil {
		found.Note = change.Note
	}
	s.mu.Lock()
	s.orders[found.Number] = found
	s.mu.Unlock()
	answer(w, http.StatusOK, found)
}

func (s *Shop) deleteOrder(w http.ResponseWriter, r *http.Request) {
	found, ok := s.find(w, r)
	switch {
	case !ok:
	case found.State != "new":
		fail(w, http.StatusConflict, "order has been sent")
	default:
		s.mu.Lock()
		delete(s.orders, found.Number)
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}
}

// decode reads a JSON body strictly.
func decode(r *http.Request, into any) error {
	if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return errors.New("body is not application/json")
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
