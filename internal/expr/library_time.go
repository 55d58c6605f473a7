package expr

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

func timeLibrary() []cel.EnvOption {
	return []cel.EnvOption{
		unary("time.parse", "time_parse", cel.StringType, cel.TimestampType, parseTime),
		unary("time.seconds", "time_seconds", cel.DynType, cel.TimestampType, func(v ref.Val) ref.Val { return epoch(v, time.Second) }),
		unary("time.millis", "time_millis", cel.DynType, cel.TimestampType, func(v ref.Val) ref.Val { return epoch(v, time.Millisecond) }),
		unary("time.epochSeconds", "time_epoch_seconds", cel.TimestampType, cel.IntType, func(t types.Timestamp) ref.Val { return types.Int(t.Unix()) }),
		unary("time.epochMillis", "time_epoch_millis", cel.TimestampType, cel.IntType, func(t types.Timestamp) ref.Val { return types.Int(t.UnixMilli()) }),
		unary("time.rfc3339", "time_rfc3339", cel.TimestampType, cel.StringType, func(t types.Timestamp) ref.Val {
			return types.String(t.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
		}),
		unary("duration.seconds", "duration_seconds", cel.DynType, cel.DurationType, func(v ref.Val) ref.Val { return span(v, time.Second) }),
		unary("duration.millis", "duration_millis", cel.DynType, cel.DurationType, func(v ref.Val) ref.Val { return span(v, time.Millisecond) }),
		unary("duration.toMillis", "duration_to_millis", cel.DurationType, cel.IntType, func(d types.Duration) ref.Val { return types.Int(d.Milliseconds()) }),
	}
}

// timeForms are RFC 3339 and its dialects: an offset without a colon, no offset (which then is UTC), a space for the T; and
// the dates of HTTP (RFC 9110, section 5.6.7).
var timeForms = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999", "2006-01-02",
	"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC, time.RFC1123Z,
}

// ParseTime reads a text as RFC 3339, one of its dialects, or a date of HTTP.
func ParseTime(text string) (time.Time, bool) {
	for _, form := range timeForms {
		if read, err := time.Parse(form, text); err == nil {
			return read, true
		}
	}
	return time.Time{}, false
}

func parseTime(text types.String) ref.Val {
	read, ok := ParseTime(string(text))
	if !ok {
		return types.NewErr("text is no time that time.parse knows")
	}
	return timestamp(read)
}

// timestamp is a time within what google.protobuf.Timestamp holds.
func timestamp(at time.Time) ref.Val {
	if year := at.UTC().Year(); year < 1 || year > 9999 {
		return types.NewErr("time is outside of the years 1 to 9999")
	}
	return types.Timestamp{Time: at.UTC()}
}

// epoch is the time a number of units after 1970.
func epoch(value ref.Val, unit time.Duration) ref.Val {
	nanos, ok := nanoseconds(value, unit)
	if !ok {
		return types.NewErr("value is no number of seconds or milliseconds since 1970")
	}
	seconds, rest := new(big.Int).DivMod(nanos, big.NewInt(int64(time.Second)), new(big.Int))
	if !seconds.IsInt64() {
		return types.NewErr("time is outside of the years 1 to 9999")
	}
	return timestamp(time.Unix(seconds.Int64(), rest.Int64()))
}

// span is a duration of a number of units.
func span(value ref.Val, unit time.Duration) ref.Val {
	nanos, ok := nanoseconds(value, unit)
	if !ok || !nanos.IsInt64() {
		return types.NewErr("value is no number of seconds or milliseconds")
	}
	return types.Duration{Duration: time.Duration(nanos.Int64())}
}

// nanoseconds is a number of units, which may have a fraction and may be a text, in nanoseconds.
func nanoseconds(value ref.Val, unit time.Duration) (*big.Int, bool) {
	var text string
	switch number := value.(type) {
	case types.Int:
		text = strconv.FormatInt(int64(number), 10)
	case types.Uint:
		text = strconv.FormatUint(uint64(number), 10)
	case types.Double:
		if math.IsNaN(float64(number)) || math.IsInf(float64(number), 0) {
			return nil, false
		}
		text = strconv.FormatFloat(float64(number), 'f', -1, 64)
	case types.String:
		text = strings.TrimSpace(string(number))
	}
	const longest = 30
	if len(text) > longest || strings.ContainsAny(text, "eE/xXoObB_") {
		return nil, false
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, false
	}
	exact.Mul(exact, new(big.Rat).SetInt64(int64(unit)))
	return new(big.Int).Div(exact.Num(), exact.Denom()), true
}
