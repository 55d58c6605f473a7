package upstream

import (
	"fmt"
	"strings"
)

// What the answers say is made up by these rules, so that every run measures the same bytes. Like answers of real services, they say
// more than the contract keeps, and some of their texts have escapes and letters beyond ASCII.

const product = `{"id":"p-100","display_name":"Caf\u00e9 Crème mug \"Grande\"","slug":"cafe-creme-mug-grande",` +
	`"price":{"cents":1450,"list_cents":1800,"cur":"EUR"},"brand":{"name":"Ægir & Søn","country":"DK"},"warehouse":"w-7","weight_g":340,` +
	`"tags":["kitchen","ceramic","new"],"attrs":{"color":"blue","volume":"0.4 l"},` +
	`"images":[{"url":"https:\/\/img.example\/p-100\/1.jpg","w":800,"h":600}],"updated":"2026-03-01T09:30:00Z"}`

const stock = `{"sku":"p-100","state":"in_stock","level":42,"warehouse":{"id":"w-7","city":"Århus"},"as_of":"2026-03-01T09:30:00Z"}`

// reviews are five.
func reviews() string {
	var rows []string
	for i, author := range []string{"Zoë", "O'Brien", "Łukasz", "Чарли", "Ana"} {
		rows = append(rows, fmt.Sprintf(`{"id":"r-%d","product":"p-100","user":{"id":"u-%d","name":"%s","joined":"2024-0%d-11T08:00:00Z"},"stars":%d,`+
			`"body":"It keeps coffee warm for %d minutes, \"and then some\".\nThe handle is comfortable; the glaze is a bit thinner than on the picture, but I'd buy it again.",`+
			`"created":"2026-02-1%dT12:0%d:30Z","helpful":%d,"verified":true,"lang":"en","photos":[],"reply":null}`,
			1000+i, 70+i, author, i+1, 5-i%3, 20+7*i, i, i, 3*i))
	}
	return `{"total":128,"items":[` + strings.Join(rows, ",") + `],"next":"/products/p-100/reviews?after=r-1004"}`
}

// tile is a small answer, the n-th of a page.
func tile(n int) string {
	return fmt.Sprintf(`{"id":"t-%d","display_name":"Caf\u00e9 tile №%d, \"small\"","slug":"cafe-tile-%d",`+
		`"price":{"cents":%d,"list_cents":1800,"cur":"EUR"},"brand":{"name":"Ægir & Søn","country":"DK"},"warehouse":"w-7","weight_g":340,`+
		`"tags":["kitchen","ceramic","new"],"attrs":{"color":"blue","volume":"0.4 l"},`+
		`"images":[{"url":"https:\/\/img.example\/t-%d\/1.jpg","w":800,"h":600}],"updated":"2026-03-01T09:30:00Z"}`, n, n, n, 990+10*n, n)
}

// catalog has as many items as fit into so many bytes, and at least one.
func catalog(size int) string {
	const begin, end = `{"catalog":"spring","items":[`, `],"next":null}`
	var text strings.Builder
	text.Grow(size)
	text.WriteString(begin)
	for i := 0; ; i++ {
		row := item(i)
		if i > 0 {
			if text.Len()+len(row)+len(",")+len(end) > size {
				break
			}
			text.WriteByte(',')
		}
		text.WriteString(row)
	}
	text.WriteString(end)
	return text.String()
}

func item(i int) string {
	return fmt.Sprintf(`{"id":%d,"display_name":"Crème mug \"%s\" %d","price":{"cents":%d,"cur":"EUR"},"stock":[%d,%d,%d],"rating":%d.%02d,`+
		`"text":"Hand-made, dishwasher-safe; holds 0.4\u00a0l.","made":"2026-01-%02dT10:00:00Z","size":{"h":%d.5,"w":82},"visible":true,"parent":null}`,
		100000+i, [...]string{"Grande", "Niño", "Łódź"}[i%3], i, 900+i%700, i%7, i%11, i%13, i%5, i%100, 1+i%28, 90+i%20)
}

// These are how many orders there are, and of how many customers.
const orderCount, customerCount = 100, 60

func orders() string {
	var rows []string
	for i := range orderCount {
		rows = append(rows, fmt.Sprintf(`{"number":%d,"created":"2026-02-%02dT12:%02d:30Z","total_cents":%d,"currency":"EUR","customer":"c-%d","state":"shipped",`+
			`"lines":[{"product":"p-%d","qty":%d,"unit_cents":1450}],"note":null}`, 70000+i, 1+i%28, i%60, 1450*(1+i%4), i*7%customerCount, i%50, 1+i%4))
	}
	return `{"orders":[` + strings.Join(rows, ",") + `],"next":null}`
}

func customers() string {
	var rows []string
	for i := range customerCount {
		rows = append(rows, fmt.Sprintf(`{"id":"c-%d","full_name":"Zoë \"Z\" Łukasz %d","email":"c%d@mail.example","city":"Århus","since":"2021-05-04T00:00:00Z","vip":%t}`,
			i, i, i, i%9 == 0))
	}
	return `{"customers":[` + strings.Join(rows, ",") + `]}`
}

// Path is a path without its query, which the services do not look at.
func Path(pathAndQuery string) string {
	path, _, _ := strings.Cut(pathAndQuery, "?")
	return path
}
