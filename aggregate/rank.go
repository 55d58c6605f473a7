package aggregate

import (
	"cmp"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// rank is what elements of several sources are ordered by. Numbers come before times, and times before texts.
type rank struct {
	kind rankKind
	time time.Time
	// whole is set if number is one that an int64 holds.
	isWhole bool
	whole   int64
	number  float64
	text    string
}

type rankKind int

const (
	numberRank rankKind = iota
	timeRank
	textRank
)

func rankOf(text string) rank {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return rank{kind: numberRank, isWhole: true, whole: whole, number: float64(whole)}
	}
	if literal := jsontext.Value(text); literal.Kind() == jsontext.KindNumber && literal.IsValid() { // and not "NaN"
		number, _ := strconv.ParseFloat(text, 64) // one that is out of range is infinite
		return rank{kind: numberRank, number: number}
	}
	if at, ok := expr.ParseTime(text); ok {
		return rank{kind: timeRank, time: at}
	}
	return rank{kind: textRank, text: text}
}

func (r rank) compare(other rank) int {
	switch {
	case r.kind != other.kind:
		return cmp.Compare(r.kind, other.kind)
	case r.isWhole && other.isWhole:
		return cmp.Compare(r.whole, other.whole)
	default:
		return cmp.Or(cmp.Compare(r.number, other.number), r.time.Compare(other.time), cmp.Compare(r.text, other.text))
	}
}
