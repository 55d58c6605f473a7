package pretend

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// names are those of customers who have given one.
var names = map[string]string{"c-1": "Ada Example", "c-2": "Bruno Muster", "c-3": "Chiara Esempio"}

// customers answers for several customers at once: GET /customers?id=c-1&id=c-2. It leaves out whom it does not know.
func (s *Shop) customers(mux *http.ServeMux) {
	mux.HandleFunc("GET /customers", func(w http.ResponseWriter, r *http.Request) {
		const most = 100
		ids := r.URL.Query()["id"]
		if len(ids) == 0 || len(ids) > most {
			fail(w, http.StatusBadRequest, "id is missing, or is given more than 100 times")
			return
		}
		found := []map[string]any{}
		for _, id := range ids {
			if name, known := names[id]; known {
				found = append(found, map[string]any{"id": id, "full_name": name, "since": "2024-02-29"})
			}
		}
		answer(w, http.StatusOK, map[string]any{"customers": found})
	})
}

// AddOrders makes many orders, by a few customers in turn.
func (s *Shop) AddOrders(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range count {
		s.nextOrder++
		s.orders[s.nextOrder] = order{
			Number: s.nextOrder, Customer: "c-" + strconv.Itoa(i%4+1), Created: "2026-11-21T10:00:00Z", State: "new", TotalCents: 1999, Currency: "EUR",
		}
	}
}

// listOrders answers with the newest orders.
func (s *Shop) listOrders(w http.ResponseWriter, r *http.Request) {
	const usual = 100
	limit := usual
	if text := r.URL.Query().Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > usual {
			fail(w, http.StatusBadRequest, "limit is not between 1 and 100")
			return
		}
	}
	s.mu.Lock()
	newest := slices.SortedFunc(maps.Values(s.orders), func(a, b order) int { return cmp.Compare(b.Number, a.Number) })
	s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"orders": newest[:min(limit, len(newest))]})
}
