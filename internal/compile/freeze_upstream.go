package compile

import (
	"fmt"
	"strconv"
	"strings"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

func freezeUpstreams(d *draft) ([]*plan.Upstream, error) {
	var upstreams []*plan.Upstream
	for _, name := range upstreamNames(d.project.Config) {
		upstream, err := freezeUpstream(name, d.project.Config.GetUpstreams()[name])
		if err != nil {
			return nil, fmt.Errorf("freeze upstream %s: %w", name, err)
		}
		if rules := d.errors[name]; len(rules.rules) > 0 {
			upstream.Errors, upstream.Answer = rules.rules, rules.answer
		}
		if node := d.project.ConfigFile.Root.Get("upstreams", name); node != nil {
			upstream.At = node.Position
			if credentials := node.Get("credentials"); credentials != nil {
				upstream.Credential.At = credentials.Position
			}
			upstream.TLS = freezeTLS(d.project.Config.GetUpstreams()[name].GetTls(), node.Get("tls"))
		}
		upstreams = append(upstreams, upstream)
	}
	return upstreams, nil
}

func freezeUpstream(name string, config *configv1.Upstream) (*plan.Upstream, error) {
	upstream := &plan.Upstream{
		Name: name, BaseURL: config.GetBaseUrl(), Private: config.GetNetwork() == "private", Timeout: duration(config.GetTimeout()),
		MaxConnections: int(config.GetMaxConnections()), Credential: freezeCredential(config.GetCredentials()),
		Refresh: freezeRefresh(config.GetCredentials().GetRefresh()),
		Breaker: plan.Breaker{
			FailureRatio: config.GetBreaker().GetFailureRatio(), MinRequests: int(config.GetBreaker().GetMinRequests()),
			Window: duration(config.GetBreaker().GetWindow()), OpenFor: duration(config.GetBreaker().GetOpenFor()),
			PerRoute: config.GetBreaker().GetPer() == "route",
		},
		Retries: freezeRetries(config.GetRetries()), Hedging: freezeHedging(config.GetHedging()),
		Balance: freezeBalance(config.GetBalance()), Proxy: config.GetProxy(),
	}
	var err error
	if upstream.Concurrency, err = freezeConcurrency(config.GetConcurrency()); err != nil {
		return nil, err
	}
	if upstream.Cache, err = freezeCache(config.GetCache()); err != nil {
		return nil, err
	}
	for _, header := range sortedKeys(config.GetHeaders()) {
		upstream.Headers = append(upstream.Headers, plan.Header{Name: header, Value: config.GetHeaders()[header]})
	}
	if size := config.GetMaxAnswerBytes(); size != "" {
		bytes, err := parseSize(size)
		if err != nil {
			return nil, err
		}
		upstream.MaxAnswerBytes = bytes
	}
	return upstream, nil
}

func freezeRefresh(config *configv1.Refresh) *plan.Refresh {
	if config == nil {
		return nil
	}
	frozen := &plan.Refresh{
		Method: "POST", Path: config.GetPost(), Bearer: config.GetBearer(), Form: freezeTexts(config.GetForm()), Query: freezeTexts(config.GetQuery()),
	}
	if config.GetGet() != "" {
		frozen.Method, frozen.Path = "GET", config.GetGet()
	}
	for _, name := range sortedKeys(config.GetStore()) {
		path, _ := expr.ParsePath(config.GetStore()[name]) // checkUpstreams has read it
		frozen.Store = append(frozen.Store, plan.Stored{Secret: name, Path: path})
	}
	return frozen
}

func freezeTexts(texts map[string]string) []plan.Header {
	var frozen []plan.Header
	for _, name := range sortedKeys(texts) {
		frozen = append(frozen, plan.Header{Name: name, Value: texts[name]})
	}
	return frozen
}

// parseSize reads a number of bytes such as 4MiB. The vocabulary's rules have checked its form, but where a hole of the
// environment may stay unfilled it can still be anything, and then the default holds.
func parseSize(text string) (int64, error) {
	if strings.Contains(text, "${") {
		return 0, nil
	}
	units := []struct {
		suffix string
		shift  uint
	}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"B", 0}}
	for _, unit := range units {
		digits, found := strings.CutSuffix(text, unit.suffix)
		if !found {
			continue
		}
		number, err := strconv.ParseInt(digits, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("parse size %q: %w", text, err)
		}
		return number << unit.shift, nil
	}
	return 0, fmt.Errorf("parse size %q: no unit", text)
}
