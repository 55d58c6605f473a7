package projection

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// encodeTimestamp takes RFC 3339 text of the years 1 to 9999 with up to nine digits of fraction.
func encodeTimestamp(dst []byte, value Value) ([]byte, bool) {
	if value.kind != jsontext.KindString {
		return dst, false
	}
	content := value.content()
	seconds, nanos, ok := readTimestamp(content)
	if !ok {
		seconds, nanos, ok = parseTimestamp(string(content))
	}
	const least, most = -62_135_596_800, 253_402_300_799 // the bounds of google.protobuf.Timestamp
	return appendTime(dst, seconds, nanos), ok && seconds >= least && seconds <= most
}

// parseTimestamp takes all that encodeTimestamp does.
func parseTimestamp(text string) (seconds, nanos int64, ok bool) {
	moment, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || strings.Contains(text, ",") || fractionDigits(text) > nanosDigits {
		return 0, 0, false
	}
	stamp := timestamppb.New(moment)
	return stamp.GetSeconds(), int64(stamp.GetNanos()), true
}

func fractionDigits(text string) int {
	_, fraction, _ := strings.Cut(text, ".")
	digits := 0
	for digits < len(fraction) && '0' <= fraction[digits] && fraction[digits] <= '9' {
		digits++
	}
	return digits
}

// readTimestamp takes the texts that nearly all are, and leaves the others to parseTimestamp.
func readTimestamp(text []byte) (seconds, nanos int64, ok bool) {
	const form = len("2006-01-02T15:04:05")
	if len(text) <= form || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		return 0, 0, false
	}
	century, year, month, day := pair(text, 0), pair(text, 2), pair(text, 5), pair(text, 8)
	hour, minute, second := pair(text, 11), pair(text, 14), pair(text, 17)
	if max(century, year) > 99 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return 0, 0, false
	}
	year += century * 100
	if year < 1 || day > daysIn(month, year) {
		return 0, 0, false
	}
	nanos, rest, ok := readFraction(text[form:])
	if !ok {
		return 0, 0, false
	}
	zone, ok := readZone(rest)
	return ((daysBefore(year, month)+day-1)*24+hour)*3600 + minute*60 + second - zone, nanos, ok
}

// pair is the number of two digits; more than 99 if they are none.
func pair(text []byte, at int) int64 {
	tens, units := text[at]-'0', text[at+1]-'0'
	if tens > 9 || units > 9 {
		return 1000
	}
	return int64(tens)*10 + int64(units)
}

func readFraction(text []byte) (nanos int64, rest []byte, ok bool) {
	if text[0] != '.' {
		return 0, text, true
	}
	at := 1
	for ; at < len(text) && text[at]-'0' <= 9; at++ {
		nanos = nanos*10 + int64(text[at]-'0')
	}
	if at == 1 || at > 1+nanosDigits {
		return 0, nil, false
	}
	for range 1 + nanosDigits - at {
		nanos *= 10
	}
	return nanos, text[at:], true
}

// readZone is how many seconds a zone is before UTC.
func readZone(text []byte) (seconds int64, ok bool) {
	if len(text) == 1 && text[0] == 'Z' {
		return 0, true
	}
	if len(text) != len("+07:00") || text[0] != '+' && text[0] != '-' || text[3] != ':' {
		return 0, false
	}
	hours, minutes := pair(text, 1), pair(text, 4)
	seconds = (hours*60 + minutes) * 60
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, hours <= 23 && minutes <= 59
}

func daysIn(month, year int64) int64 {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	default:
		return 30 + (month+month/8)%2
	}
}

// daysBefore counts the days from 1970 to a month of the proleptic Gregorian calendar, whose years are taken to begin in March, so
// that leap days stand at their ends.
func daysBefore(year, month int64) int64 {
	year, month = year+(month+9)/12-1, (month+9)%12
	const toEpoch = 719_468 // days from March of the year 0 to 1970
	return year*365 + year/4 - year/100 + year/400 + (month*153+2)/5 - toEpoch
}
