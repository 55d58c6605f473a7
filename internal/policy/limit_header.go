package policy

import (
	"slices"
	"strconv"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// tell tells the client which limits there are, and what each that has answered has left.
func (a *asking) tell() {
	if a.call.Header == nil {
		return
	}
	advertised := a.advertised
	if advertised == nil {
		advertised = []string{a.policyAt(a.call.Arrived)}
	}
	a.call.Header[RateLimitPolicyHeader] = advertised
	var buffer [256]byte
	if left := a.appendLeft(buffer[:0]); len(left) > 0 {
		a.call.left[0] = string(left)
		a.call.Header[RateLimitHeader] = a.call.left[:]
	}
}

// appendLeft appends what limits have left: r now, and more in t seconds.
func (a *asking) appendLeft(left []byte) []byte {
	for i, room := range a.room {
		left = appendParameter(appendItem(left, a.concurrent[i]), ";r=", int64(room))
	}
	for _, what := range []*asked{&a.here, &a.together} {
		for i := 0; what.known && i < len(what.takes); i++ {
			take := &what.takes[i]
			left = appendParameter(appendItem(left, what.limits[i]), ";r=", take.Remaining)
			if take.Reset > 0 {
				left = appendParameter(left, ";t=", seconds(take.Reset))
			}
		}
	}
	return left
}

// advertise prepares what policyAt says, if it is always the same.
func (l *limited) advertise() {
	ofMonths := func(one *limit) bool { return one.Quota.Count > 0 && one.Quota.Each == store.Month }
	if !slices.ContainsFunc(l.local, ofMonths) && !slices.ContainsFunc(l.shared, ofMonths) {
		l.advertised = []string{l.policyAt(time.Time{})}
	}
}

// policyAt are all limits: q in w seconds. A month is as long as the one that it is.
func (l *limited) policyAt(now time.Time) string {
	var policy []byte
	for _, one := range slices.Concat(l.concurrent, l.local, l.shared) {
		policy = appendParameter(appendItem(policy, one), ";q=", one.quantity())
		switch {
		case one.bound == nil:
			policy = append(policy, `;qu="concurrent-requests"`...)
		case one.bound.IsQuota():
			policy = appendParameter(policy, ";w=", seconds(one.Quota.Each.Length(now)))
		default:
			policy = appendParameter(policy, ";w=", seconds(one.Rate.Per))
			if most := one.bound.Most(); most != one.Rate.Count {
				policy = appendParameter(policy, ";sheaf-burst=", most)
			}
		}
	}
	return string(policy)
}

// quantity is how much a limit allows in its time, or at once.
func (l *limit) quantity() int64 {
	switch {
	case l.bound == nil:
		return int64(l.Concurrency)
	case l.bound.IsQuota():
		return l.Quota.Count
	default:
		return l.Rate.Count
	}
}

func appendItem(list []byte, one *limit) []byte {
	if len(list) > 0 {
		list = append(list, ", "...)
	}
	return append(append(append(list, '"'), one.Name...), '"')
}

func appendParameter(list []byte, name string, value int64) []byte {
	return strconv.AppendInt(append(list, name...), value, 10)
}
