package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

func (p *policyParser) limits(node *source.Node) []*plan.Limit {
	var limits []*plan.Limit
	for _, field := range fieldsOf(node) {
		limits = append(limits, p.limit(field, p.project.Config.GetPolicy().GetLimits()[field.Key]))
	}
	return limits
}

func (p *policyParser) limit(field source.Field, message *configv1.Limit) *plan.Limit {
	node := field.Value
	about := p.matching(node.Get("rpcs"))
	limit := &plan.Limit{
		Name: field.Key, RPCs: procedures(about), Key: p.expression(node.Get("key"), about, aKey), Cost: p.expression(node.Get("cost"), about, aWholeNumber),
		Concurrency: int(message.GetConcurrency()), Redis: message.GetStore() == "redis", WhenAway: cmp.Or(message.GetWhenAway(), "memory"), At: field.KeyAt,
	}
	if rate := node.Get("rate"); rate != nil {
		limit.Rate = p.rate(rate, node.Get("burst"), int64(message.GetBurst()))
	}
	if quota := node.Get("quota"); quota != nil {
		limit.Quota = p.quota(quota)
	}
	p.checkLimit(node, limit)
	return limit
}

// checkLimit refuses settings that would do nothing.
func (p *policyParser) checkLimit(node *source.Node, limit *plan.Limit) {
	if burst := node.Get("burst"); burst != nil && node.Get("rate") == nil {
		p.report(burst, "remove it, or write rate", "burst is for a rate")
	}
	if cost := node.Get("cost"); cost != nil && limit.Concurrency > 0 {
		p.report(cost, "remove it", "calls in flight count 1 each")
	}
	p.checkCost(node.Get("cost"), limit)
	store := node.Get("store")
	switch {
	case store == nil:
	case limit.Concurrency > 0 && limit.Redis:
		p.report(store, "remove it", "calls in flight are counted in each replica")
	case limit.Redis:
		p.needRedis(store)
	}
	if away := node.Get("when_away"); away != nil && !limit.Redis {
		p.report(away, "remove it, or write store: redis", "when_away is for a limit that is counted in Redis")
	}
}

const (
	// mostPerSecond is the highest rate: intervals are measured in nanoseconds.
	mostPerSecond = 1_000_000
	// longestRefill is the longest time that a burst may take to come back.
	longestRefill = 30 * 24 * time.Hour
	// mostQuota is the largest integer of a header field (RFC 9651, section 3.3.1).
	mostQuota = 999_999_999_999_999
)

// rateUnits are those of rates, and quotaUnits those of quotas.
var (
	rateUnits  = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}
	quotaUnits = []string{"minute", "hour", "day", "month"}
)

// rate is nil if it reported a problem, or if the environment has the value.
func (p *policyParser) rate(at, burstAt *source.Node, burst int64) *plan.Rate {
	if strings.Contains(at.Text, "${env.") {
		return nil
	}
	rate, hint := parseRate(at.Text)
	if rate == nil {
		p.report(at, hint, "%q is no rate", at.Text)
		return nil
	}
	if float64(rate.Count)/rate.Per.Seconds() > mostPerSecond {
		p.report(at, fmt.Sprintf("write %d/s at most", mostPerSecond), "rate is too high")
		return nil
	}
	rate.Burst = burst
	if burst == 0 { // none is given
		rate.Burst = max(1, rate.Count*int64(time.Second)/int64(rate.Per))
	}
	if most := int64(float64(longestRefill) / float64(rate.Per) * float64(rate.Count)); burstAt != nil && rate.Burst > most {
		p.report(burstAt, fmt.Sprintf("write %d at most, or a quota", most), "burst takes longer than 30 days to come back")
		return nil
	}
	return rate
}

// quota is nil as rate is.
func (p *policyParser) quota(at *source.Node) *plan.Quota {
	if strings.Contains(at.Text, "${env.") {
		return nil
	}
	quota, hint := parseQuota(at.Text)
	if quota == nil {
		p.report(at, hint, "%q is no quota", at.Text)
		return nil
	}
	if quota.Count > mostQuota {
		p.report(at, fmt.Sprintf("write %d/%s at most", int64(mostQuota), quota.Each), "quota is too large")
		return nil
	}
	return quota
}

// parseRate reads a rate without its burst, or says what to write.
func parseRate(text string) (*plan.Rate, string) {
	count, unit, ok := cutAmount(text)
	if per := rateUnits[unit]; ok && per > 0 {
		return &plan.Rate{Count: count, Per: per}, ""
	}
	word := strings.TrimSuffix(strings.ToLower(unit), "s")
	switch {
	case !ok:
	case word == "d" || word == "day":
		return nil, fmt.Sprintf("write quota: %d/day", count)
	case word == "month":
		return nil, fmt.Sprintf("write quota: %d/month", count)
	case word == "" || word == "second" || word == "sec":
		return nil, fmt.Sprintf("write %d/s", count)
	case word == "minute" || word == "min" || word == "m":
		return nil, fmt.Sprintf("write %d/m", count)
	case word == "hour" || word == "hr" || word == "h":
		return nil, fmt.Sprintf("write %d/h", count)
	}
	return nil, "write it as 100/s, 100/m or 100/h"
}

// parseQuota reads a quota, or says what to write.
func parseQuota(text string) (*plan.Quota, string) {
	count, unit, ok := cutAmount(text)
	if ok && slices.Contains(quotaUnits, unit) {
		return &plan.Quota{Count: count, Each: unit}, ""
	}
	word := strings.TrimSuffix(strings.ToLower(unit), "s")
	switch {
	case !ok:
	case word == "m":
		return nil, fmt.Sprintf("write %d/minute, or %d/month", count, count)
	case word == "" && unit != "" || word == "second" || word == "sec":
		return nil, fmt.Sprintf("write rate: %d/s", count)
	case word != "":
		for _, known := range quotaUnits {
			if strings.HasPrefix(known, word) {
				return nil, fmt.Sprintf("write %d/%s", count, known)
			}
		}
	}
	return nil, "write it as 10000/minute, 10000/hour, 10000/day or 10000/month"
}

// cutAmount reads a number of at least 1, and what it is per.
func cutAmount(text string) (count int64, unit string, ok bool) {
	digits, unit, cut := strings.Cut(text, "/")
	number, err := strconv.ParseUint(digits, 10, 63)
	return int64(number), unit, cut && err == nil && number > 0
}
