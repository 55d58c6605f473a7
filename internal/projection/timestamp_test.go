package projection

import (
	"fmt"
	"testing"
	"time"
)

// TestDaysBefore: every month of the years 1 to 9999 begins, and ends, where the standard library has it.
func TestDaysBefore(t *testing.T) {
	t.Parallel()
	for year := 1; year <= 9999; year++ {
		for month := 1; month <= 12; month++ {
			first := time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
			if got, want := daysBefore(int64(year), int64(month)), first.Unix()/(24*3600); got != want {
				t.Fatalf("days before %d-%d = %d, want %d", year, month, got, want)
			}
			if got, want := daysIn(int64(month), int64(year)), int64(first.AddDate(0, 1, -1).Day()); got != want {
				t.Fatalf("days in %d-%d = %d, want %d", year, month, got, want)
			}
		}
	}
}

// FuzzTimestamp holds the quick reader against the standard library: what it takes, it takes as that does.
func FuzzTimestamp(f *testing.F) {
	quick := 0
	for _, seed := range []string{
		"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.25Z", "2026-01-02T03:04:05.123456789+01:30", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999-23:59",
		"2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:60Z",
		"2026-01-02T03:04:05", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.1234567890Z", "2026-01-02T03:04:05+0100", "2026-01-02T3:04:05Z", "2026-01-02T03:04:05,5Z", "2026-01-02T03:04:05+24:00", "2026-01-02t03:04:05z",
		"1900-02-29T00:00:00Z", "2000-02-29T12:00:00-00:00", "2026-01-02T03:04:05Zx", "202-001-02T03:04:05Z", "2026-01-02T03:04:05.1+7:00",
	} {
		f.Add(seed)
		if _, _, ok := readTimestamp([]byte(seed)); ok {
			quick++
		}
	}
	if quick != 7 {
		f.Fatalf("%d seeds are read quickly, want 7", quick)
	}
	f.Fuzz(func(t *testing.T, text string) {
		seconds, nanos, ok := readTimestamp([]byte(text))
		if !ok {
			return
		}
		got := fmt.Sprint(seconds, nanos)
		seconds, nanos, ok = parseTimestamp(text)
		if want := fmt.Sprint(seconds, nanos); !ok || got != want {
			t.Errorf("%q is %s, want %s (%v)", text, got, want, ok)
		}
	})
}
