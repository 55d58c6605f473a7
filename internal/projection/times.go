package projection

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	nanosDigits = 9
	// maxDuration is google.protobuf.Duration's bound in seconds, about 10,000 years.
	maxDuration = 315_576_000_000
)

func decimal(number int64) string { return strconv.FormatInt(number, 10) }

// encodeDuration takes seconds with up to nine digits of fraction and an s, as protobuf's JSON mapping has it: "1.5s".
func encodeDuration(dst []byte, value Value) ([]byte, bool) {
	if value.kind != jsontext.KindString {
		return dst, false
	}
	seconds, nanos, ok := parseDuration(string(value.content()))
	return appendTime(dst, seconds, nanos), ok
}

func parseDuration(text string) (seconds, nanos int64, ok bool) {
	number, hasUnit := strings.CutSuffix(text, "s")
	digits, negative := strings.CutPrefix(number, "-")
	whole, fraction, hasFraction := strings.Cut(digits, ".")
	if !hasUnit || !isDigits(whole) || !isCanonical([]byte(whole)) || hasFraction && (!isDigits(fraction) || len(fraction) > nanosDigits) {
		return 0, 0, false
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds > maxDuration {
		return 0, 0, false
	}
	if hasFraction {
		nanos, _ = strconv.ParseInt(fraction+strings.Repeat("0", nanosDigits-len(fraction)), 10, 64)
	}
	if negative {
		return -seconds, -nanos, true
	}
	return seconds, nanos, true
}

func isDigits(text string) bool {
	return text != "" && text[0] != '-' && isWholeLiteral([]byte(text))
}

var errDuration = errors.New("duration is out of range")

// durationText is a duration as protobuf's JSON mapping writes it, with no more digits than it needs.
func durationText(duration *durationpb.Duration) (string, error) {
	if duration.CheckValid() != nil {
		return "", errDuration
	}
	seconds, nanos := duration.GetSeconds(), int64(duration.GetNanos())
	sign := ""
	if seconds < 0 || nanos < 0 {
		sign, seconds, nanos = "-", -seconds, -nanos
	}
	text := sign + decimal(seconds)
	if nanos != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", nanos), "0")
	}
	return text + "s", nil
}

// appendTime appends a Timestamp or a Duration, which share their form: seconds = 1, nanos = 2.
func appendTime(dst []byte, seconds, nanos int64) []byte {
	dst, start := beginBytes(dst)
	if seconds != 0 {
		dst = protowire.AppendVarint(protowire.AppendTag(dst, 1, protowire.VarintType), uint64(seconds))
	}
	if nanos != 0 {
		dst = protowire.AppendVarint(protowire.AppendTag(dst, 2, protowire.VarintType), uint64(nanos))
	}
	return endBytes(dst, start)
}
