package compile

import (
	"testing"
	"time"
)

func TestParseLimits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		count int64
		per   time.Duration
		hint  string
	}{
		"100/s": {100, time.Second, ""}, "5/m": {5, time.Minute, ""}, "1000/h": {1000, time.Hour, ""},
		"100/second": {0, 0, "write 100/s"}, "100/seconds": {0, 0, "write 100/s"}, "5/min": {0, 0, "write 5/m"}, "5/Hours": {0, 0, "write 5/h"}, "5/S": {0, 0, "write 5/s"},
		"9/day": {0, 0, "write quota: 9/day"}, "9/d": {0, 0, "write quota: 9/day"}, "9/month": {0, 0, "write quota: 9/month"},
	} {
		rate, hint := parseRate(text)
		if hint != want.hint || (rate == nil) != (want.count == 0) || rate != nil && (rate.Count != want.count || rate.Per != want.per) {
			t.Errorf("rate %s = %+v, %q", text, rate, hint)
		}
	}
	for text, want := range map[string]string{
		"7/minute": "", "7/hour": "", "7/day": "", "7/month": "",
		"7/min": "write 7/minute", "7/h": "write 7/hour", "7/days": "write 7/day", "7/mo": "write 7/month", "7/m": "write 7/minute, or 7/month",
		"7/s": "write rate: 7/s", "7/second": "write rate: 7/s",
	} {
		quota, hint := parseQuota(text)
		if hint != want || (quota == nil) != (want != "") || quota != nil && (quota.Count != 7 || "7/"+quota.Each != text) {
			t.Errorf("quota %s = %+v, %q", text, quota, hint)
		}
	}
	for _, text := range []string{"", "/", "100", "/s", "100/", "0/s", "0/day", "-1/s", "+1/day", "1.5/s", "1e3/day", " 1/s", "1/s ", "1/year", "99999999999999999999/s", "1/s/s", "1_000/day"} {
		rate, rateHint := parseRate(text)
		quota, quotaHint := parseQuota(text)
		if rate != nil || quota != nil || rateHint == "" || quotaHint == "" {
			t.Errorf("%q = %+v (%q), %+v (%q)", text, rate, rateHint, quota, quotaHint)
		}
	}
}

// FuzzParseLimit: whatever an author writes is a limit that means something, or gets a hint.
func FuzzParseLimit(f *testing.F) {
	for _, seed := range []string{"100/s", "5/m", "10000/month", "0/s", "9223372036854775807/h", "1/s/s", "/", "100/second"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rate, hint := parseRate(text)
		if (rate == nil) == (hint == "") || rate != nil && (rate.Count < 1 || rate.Per < time.Second) {
			t.Errorf("rate %q = %+v, %q", text, rate, hint)
		}
		quota, hint := parseQuota(text)
		if (quota == nil) == (hint == "") || quota != nil && quota.Count < 1 {
			t.Errorf("quota %q = %+v, %q", text, quota, hint)
		}
	})
}
