package wirejson

import (
	"strconv"
	"time"
)

// maxNanos are the most nanoseconds that are less than a second.
const maxNanos = int64(time.Second) - 1

func writeTimestamp(r *run, m *message, wire []byte) bool {
	const (
		least = -62135596800 // 0001-01-01T00:00:00Z
		most  = 253402300799 // 9999-12-31T23:59:59Z
	)
	first, second, ok := m.two(wire)
	seconds, nanos := int64(first.number), int64(second.number)
	if !ok || seconds < least || seconds > most || nanos < 0 || nanos > maxNanos {
		return false
	}
	r.dst = append(r.dst, '"')
	r.dst = time.Unix(seconds, 0).UTC().AppendFormat(r.dst, time.RFC3339)
	r.dst = appendFraction(r.dst[:len(r.dst)-len("Z")], nanos)
	r.dst = append(r.dst, 'Z', '"')
	return true
}

func writeDuration(r *run, m *message, wire []byte) bool {
	const most = 315576000000 // 10,000 years, in seconds
	first, second, ok := m.two(wire)
	seconds, nanos := int64(first.number), int64(second.number)
	if !ok || seconds < -most || seconds > most || nanos < -maxNanos || nanos > maxNanos {
		return false
	}
	if seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0 {
		return false
	}
	r.dst = append(r.dst, '"')
	if seconds < 0 || nanos < 0 {
		r.dst = append(r.dst, '-')
		seconds, nanos = -seconds, -nanos
	}
	r.dst = strconv.AppendInt(r.dst, seconds, 10)
	r.dst = appendFraction(r.dst, nanos)
	r.dst = append(r.dst, 's', '"')
	return true
}

// appendFraction appends the fraction of a second with 3, 6 or 9 digits; nothing if it is zero.
func appendFraction(dst []byte, nanos int64) []byte {
	const digits, step = 9, 3
	if nanos == 0 {
		return dst
	}
	point := len(dst)
	dst = strconv.AppendInt(dst, maxNanos+1+nanos, 10) // the 1 before the digits makes room for the point
	dst[point] = '.'
	length := digits
	for divisor := int64(1000); nanos%divisor == 0; divisor *= 1000 {
		length -= step
	}
	return dst[:point+1+length]
}
