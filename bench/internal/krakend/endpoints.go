package krakend

import (
	"fmt"
	"net/http"

	"github.com/luraproject/lura/v2/config"
)

// endpoints are those of the RPCs that it can do, before services below a path.
func endpoints(below string) []*config.EndpointConfig {
	all := []*config.EndpointConfig{
		get("/products/{id}",
			&config.Backend{
				URLPattern: below + "/products/{id}",
				AllowList:  []string{"id", "display_name", "price.cents", "price.cur", "tags"},
				Mapping:    map[string]string{"display_name": "title"},
			},
			&config.Backend{
				URLPattern: below + "/products/{id}/reviews?limit=5",
				AllowList:  []string{"items"},
				Mapping:    map[string]string{"items": "reviews"},
			},
			&config.Backend{
				URLPattern: below + "/stock/{id}",
				AllowList:  []string{"state", "level"},
				Mapping:    map[string]string{"state": "availability", "level": "in_stock"},
			},
		),
		get("/catalogs/{size}", &config.Backend{URLPattern: below + "/catalogs/{size}", AllowList: []string{"items"}}),
	}
	for _, count := range []int{1, 3, 10, 30} {
		all = append(all, tiles(below, count))
	}
	return all
}

// tiles puts each answer in a group of its own, since all have the same fields.
func tiles(below string, count int) *config.EndpointConfig {
	backends := make([]*config.Backend, count)
	for i := range backends {
		backends[i] = &config.Backend{
			URLPattern: fmt.Sprintf("%s/pages/{page}/tiles/%d", below, i+1),
			AllowList:  []string{"display_name", "price.cents", "price.cur", "tags"},
			Mapping:    map[string]string{"display_name": "title"},
			Group:      fmt.Sprintf("tile_%d", i+1),
		}
	}
	return get(fmt.Sprintf("/tiles%d/{page}", count), backends...)
}

func get(path string, backends ...*config.Backend) *config.EndpointConfig {
	return &config.EndpointConfig{Endpoint: path, Method: http.MethodGet, Backend: backends}
}
