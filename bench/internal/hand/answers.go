package hand

import (
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	benchv1 "github.com/sheaf-rpc/sheaf/bench/gen/bench/v1"
)

var errUnavailable = errors.New("a service is not available")

// What of the services' answers is needed.

type productAnswer struct {
	ID    string `json:"id"`
	Name  string `json:"display_name"`
	Slug  string `json:"slug"`
	Price struct {
		priceAnswer

		ListCents int64 `json:"list_cents"`
	} `json:"price"`
	Tags []string `json:"tags"`
}

type priceAnswer struct {
	Cents    int64  `json:"cents"`
	Currency string `json:"cur"`
}

func (p *priceAnswer) message() *benchv1.Money {
	return &benchv1.Money{Cents: p.Cents, Currency: p.Currency}
}

func (p *productAnswer) message() *benchv1.GetProductResponse {
	return &benchv1.GetProductResponse{
		Id: p.ID, Title: p.Name, Price: p.Price.message(), Url: "https://shop.example/p/" + p.Slug,
		OnSale: p.Price.Cents < p.Price.ListCents, Tags: p.Tags,
	}
}

type reviewsAnswer struct {
	Items []struct {
		User struct {
			Name string `json:"name"`
		} `json:"user"`
		Stars   int32     `json:"stars"`
		Body    string    `json:"body"`
		Created time.Time `json:"created"`
	} `json:"items"`
}

func (r *reviewsAnswer) messages() []*benchv1.Review {
	reviews := make([]*benchv1.Review, len(r.Items))
	for i := range r.Items {
		item := &r.Items[i]
		reviews[i] = &benchv1.Review{
			Author: item.User.Name, Rating: item.Stars, Text: item.Body, CreatedAt: timestamppb.New(item.Created),
		}
	}
	return reviews
}

type stockAnswer struct {
	State string `json:"state"`
	Level *int64 `json:"level"`
}

func (s *stockAnswer) availability() benchv1.Availability {
	switch s.State {
	case "in_stock":
		return benchv1.Availability_AVAILABILITY_IN_STOCK
	case "sold_out":
		return benchv1.Availability_AVAILABILITY_SOLD_OUT
	}
	return benchv1.Availability_AVAILABILITY_UNSPECIFIED
}

type tileAnswer struct {
	Name  string      `json:"display_name"`
	Price priceAnswer `json:"price"`
	Tags  []string    `json:"tags"`
}

func (t *tileAnswer) message() *benchv1.Tile {
	return &benchv1.Tile{Title: t.Name, Price: t.Price.message(), Tags: t.Tags}
}

type catalogAnswer struct {
	Items []struct {
		ID    int64       `json:"id"`
		Name  string      `json:"display_name"`
		Price priceAnswer `json:"price"`
	} `json:"items"`
}

type catalogIDsAnswer struct {
	Items []struct {
		ID int64 `json:"id"`
	} `json:"items"`
}

type ordersAnswer struct {
	Orders []struct {
		Number     int64     `json:"number"`
		Created    time.Time `json:"created"`
		TotalCents int64     `json:"total_cents"`
		Currency   string    `json:"currency"`
		Customer   string    `json:"customer"`
	} `json:"orders"`
}

type customersAnswer struct {
	Customers []struct {
		ID       string `json:"id"`
		FullName string `json:"full_name"`
	} `json:"customers"`
}
