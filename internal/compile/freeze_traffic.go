package compile

import (
	"cmp"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// freezeRetries are none where none are declared.
func freezeRetries(config *configv1.Retries) plan.Retries {
	if config == nil {
		return plan.Retries{}
	}
	const defaultMax, defaultBudget = 1, 0.1
	return plan.Retries{
		Max: cmp.Or(int(config.GetMax()), defaultMax), Budget: cmp.Or(config.GetBudget(), defaultBudget),
		Backoff: duration(config.GetBackoff()), MaxBackoff: duration(config.GetMaxBackoff()),
	}
}

func freezeHedging(config *configv1.Hedging) *plan.Hedging {
	if config == nil {
		return nil
	}
	return &plan.Hedging{Percentile: config.GetPercentile(), MinWait: duration(config.GetMinWait())}
}

func freezeConcurrency(config *configv1.Concurrency) (plan.Concurrency, error) {
	frozen := plan.Concurrency{Max: int(config.GetMax()), Adaptive: config.GetAdaptive()}
	if config != nil && config.Queue != nil {
		frozen.Queue = cmp.Or(int(config.GetQueue()), -1)
	}
	var err error
	if size := config.GetAnswerBytes(); size != "" {
		frozen.AnswerBytes, err = parseSize(size)
	}
	return frozen, err
}

func freezeCache(config *configv1.Cache) (*plan.Cache, error) {
	if config == nil {
		return nil, nil
	}
	const defaultBytes = 64 << 20
	frozen := &plan.Cache{
		Redis: config.GetStore() == "redis", MaxBytes: defaultBytes, DefaultAge: duration(config.GetDefaultAge()), NegativeAge: duration(config.GetNegativeAge()),
		StaleWhileRevalidate: duration(config.GetStaleWhileRevalidate()), StaleIfError: duration(config.GetStaleIfError()), IgnoreHeaders: config.GetIgnoreHeaders(),
	}
	if size := config.GetMaxBytes(); size != "" {
		bytes, err := parseSize(size)
		if err != nil {
			return nil, err
		}
		frozen.MaxBytes = cmp.Or(bytes, defaultBytes)
	}
	return frozen, nil
}
