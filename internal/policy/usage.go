package policy

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// usageHours is how many hours of usage are remembered.
	usageHours = 48
	// maxUsageRows bounds the callers and RPCs that are counted apart in an hour: 48 hours of them take some 20 MB.
	maxUsageRows = 2_000
)

// Usage counts who has called what, by the hour, in memory. It is safe for concurrent use.
type Usage struct {
	mu    sync.Mutex
	hours map[int64]map[UsageKey]*UsageCounts // by the hour since 1970
	hour  int64                               // the newest
	rows  map[UsageKey]*UsageCounts           // of the newest
}

// UsageKey is what is counted apart in an hour.
type UsageKey struct {
	// Provider and Caller are empty for callers whose proof did not hold, and for the rest.
	Provider string `json:"provider,omitempty"`
	Caller   string `json:"caller,omitempty"`
	RPC      string `json:"rpc"`
	// Rest is set for the callers of the RPC that there was no room for.
	Rest bool `json:"rest,omitempty"`
}

// UsageCounts are what a caller has made of an RPC.
type UsageCounts struct {
	Calls int64 `json:"calls,omitempty"`
	// Refusals are the calls that ended before their plan began, by the policy or since the request was wrong; Failures those after that.
	Refusals int64 `json:"refusals,omitempty"`
	Failures int64 `json:"failures,omitempty"`
}

// UsageRow is one row of what was counted.
type UsageRow struct {
	Hour time.Time `json:"hour"`
	UsageKey
	UsageCounts
}

// NewUsage counts from now on.
func NewUsage() *Usage { return &Usage{hours: map[int64]map[UsageKey]*UsageCounts{}} }

// Add counts a call that has been answered. It belongs to the hour in which it came.
func (u *Usage) Add(call *Call) {
	key := UsageKey{RPC: call.RPC}
	if call.Caller != nil {
		key.Provider, key.Caller = call.Caller.Provider, call.Caller.ID
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	counts := u.at(hourOf(call.Arrived), key)
	counts.Calls++
	switch {
	case call.Answer != nil && call.Answer.Code == 0:
	case call.Begun:
		counts.Failures++
	default:
		counts.Refusals++
	}
}

func hourOf(at time.Time) int64 { return at.Unix() / int64(time.Hour/time.Second) }

// at is the row of a key in an hour.
func (u *Usage) at(hour int64, key UsageKey) *UsageCounts {
	rows := u.rows
	if hour != u.hour || rows == nil {
		rows = u.turn(hour)
	}
	if found := rows[key]; found != nil {
		return found
	}
	if len(rows) >= maxUsageRows && !key.Rest { // the rest has as many rows as there are RPCs
		return u.at(hour, UsageKey{RPC: key.RPC, Rest: true})
	}
	rows[key] = &UsageCounts{}
	return rows[key]
}

// turn is the rows of another hour than the newest was, and forgets those that are too old.
func (u *Usage) turn(hour int64) map[UsageKey]*UsageCounts {
	if u.hours[hour] == nil {
		u.hours[hour] = map[UsageKey]*UsageCounts{}
	}
	if hour > u.hour {
		u.hour, u.rows = hour, u.hours[hour]
		maps.DeleteFunc(u.hours, func(other int64, _ map[UsageKey]*UsageCounts) bool { return other <= hour-usageHours })
	}
	return u.hours[hour]
}

// Rows are what has been counted in the last 48 hours, by hour, provider, caller and RPC.
func (u *Usage) Rows() []UsageRow {
	u.mu.Lock()
	oldest := hourOf(time.Now()) - usageHours
	var rows []UsageRow
	for hour, counted := range u.hours {
		for key, counts := range counted {
			if hour > oldest {
				rows = append(rows, UsageRow{time.Unix(hour*int64(time.Hour/time.Second), 0).UTC(), key, *counts})
			}
		}
	}
	u.mu.Unlock()
	slices.SortFunc(rows, func(a, b UsageRow) int { return a.Compare(b) })
	return rows
}

// Compare is the order of rows.
func (r *UsageRow) Compare(other UsageRow) int {
	order := cmp.Or(
		r.Hour.Compare(other.Hour), cmp.Compare(r.Provider, other.Provider), cmp.Compare(r.Caller, other.Caller), cmp.Compare(r.RPC, other.RPC),
	)
	switch {
	case order != 0 || r.Rest == other.Rest:
		return order
	case r.Rest:
		return 1
	default:
		return -1
	}
}
