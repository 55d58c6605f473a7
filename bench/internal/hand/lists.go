package hand

import (
	"context"
	"net/url"
	"strconv"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/timestamppb"

	benchv1 "github.com/sheaf-rpc/sheaf/bench/gen/bench/v1"
)

type (
	tilesRequest  = connect.Request[benchv1.GetTilesRequest]
	tilesResponse = connect.Response[benchv1.GetTilesResponse]
)

func (s *shop) GetTiles1(ctx context.Context, request *tilesRequest) (*tilesResponse, error) {
	return s.tiles(ctx, request, 1)
}

func (s *shop) GetTiles3(ctx context.Context, request *tilesRequest) (*tilesResponse, error) {
	return s.tiles(ctx, request, 3)
}

func (s *shop) GetTiles10(ctx context.Context, request *tilesRequest) (*tilesResponse, error) {
	return s.tiles(ctx, request, 10)
}

func (s *shop) GetTiles30(ctx context.Context, request *tilesRequest) (*tilesResponse, error) {
	return s.tiles(ctx, request, 30)
}

// tiles gets so many tiles of a page at once.
func (s *shop) tiles(ctx context.Context, request *tilesRequest, count int) (*tilesResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	page := "/pages/" + url.PathEscape(request.Msg.GetPageId()) + "/tiles/"
	answers := make([]tileAnswer, count)
	group, ctx := errgroup.WithContext(ctx)
	for i := range answers {
		group.Go(func() error { return s.catalog.get(ctx, page+strconv.Itoa(i+1), &answers[i]) })
	}
	if err := group.Wait(); err != nil {
		return nil, failed(ctx, err)
	}
	response := &benchv1.GetTilesResponse{Tiles: make([]*benchv1.Tile, count)}
	for i := range answers {
		response.Tiles[i] = answers[i].message()
	}
	return connect.NewResponse(response), nil
}

func (s *shop) GetCatalog(
	ctx context.Context, request *connect.Request[benchv1.GetCatalogRequest],
) (*connect.Response[benchv1.GetCatalogResponse], error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var catalog catalogAnswer
	if err := s.catalog.get(ctx, "/catalogs/"+url.PathEscape(request.Msg.GetSize()), &catalog); err != nil {
		return nil, failed(ctx, err)
	}
	response := &benchv1.GetCatalogResponse{Items: make([]*benchv1.Item, len(catalog.Items))}
	for i := range catalog.Items {
		item := &catalog.Items[i]
		response.Items[i] = &benchv1.Item{Id: item.ID, Title: item.Name, Price: item.Price.message()}
	}
	return connect.NewResponse(response), nil
}

func (s *shop) ListItemIds(
	ctx context.Context, request *connect.Request[benchv1.GetCatalogRequest],
) (*connect.Response[benchv1.ListItemIdsResponse], error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var catalog catalogIDsAnswer
	if err := s.catalog.get(ctx, "/catalogs/"+url.PathEscape(request.Msg.GetSize()), &catalog); err != nil {
		return nil, failed(ctx, err)
	}
	response := &benchv1.ListItemIdsResponse{Ids: make([]int64, len(catalog.Items))}
	for i := range catalog.Items {
		response.Ids[i] = catalog.Items[i].ID
	}
	return connect.NewResponse(response), nil
}

// ListOrders gets orders, and then each customer of theirs once.
func (s *shop) ListOrders(
	ctx context.Context, request *connect.Request[benchv1.ListOrdersRequest],
) (*connect.Response[benchv1.ListOrdersResponse], error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var list ordersAnswer
	if err := s.orders.get(ctx, "/orders?"+url.Values{"shop": {request.Msg.GetShopId()}}.Encode(), &list); err != nil {
		return nil, failed(ctx, err)
	}
	customers, err := s.customersOf(ctx, &list)
	if err != nil {
		return nil, failed(ctx, err)
	}
	response := &benchv1.ListOrdersResponse{Orders: make([]*benchv1.Order, len(list.Orders))}
	for i := range list.Orders {
		order := &list.Orders[i]
		response.Orders[i] = &benchv1.Order{
			Id: order.Number, PlacedAt: timestamppb.New(order.Created), Customer: customers[order.Customer],
			Total: &benchv1.Money{Cents: order.TotalCents, Currency: order.Currency},
		}
	}
	return connect.NewResponse(response), nil
}

// customersOf gets the customers of orders, by id.
func (s *shop) customersOf(ctx context.Context, list *ordersAnswer) (map[string]*benchv1.Customer, error) {
	customers := make(map[string]*benchv1.Customer, len(list.Orders))
	ids := make([]string, 0, len(list.Orders))
	for i := range list.Orders {
		id := list.Orders[i].Customer
		if _, known := customers[id]; !known {
			customers[id] = nil
			ids = append(ids, id)
		}
	}
	var found customersAnswer
	if err := s.customers.get(ctx, "/customers?"+url.Values{"id": ids}.Encode(), &found); err != nil {
		return nil, err
	}
	for i := range found.Customers {
		customer := &found.Customers[i]
		customers[customer.ID] = &benchv1.Customer{Id: customer.ID, Name: customer.FullName}
	}
	return customers, nil
}
