package compile

import (
	"fmt"
	"strconv"
	"strings"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

func freezeUpstreams(d *draft) ([]*plan.Upstream, error) {
	var upstreams []*plan.Upstream
	for _, name := range upstreamNames(d.project.Config) {
		upstream, err := freezeUpstream(name, d.project.Config.GetUpstreams()[name])
		if err != nil {
			return nil, fmt.Errorf("freeze upstream %s: %w", name, err)
		}
		if node := d.project.ConfigFile.Root.Get("upstreams", name); node != nil {
			upstream.At = node.Position
			if credentials := node.Get("credentials"); credentials != nil {
				upstream.Credential.At = credentials.Position
			}
		}
		upstreams = append(upstreams, upstream)
	}
	return upstreams, nil
}

func freezeUpstream(name string, config *configv1.Upstream) (*plan.Upstream, error) {
	upstream := &plan.Upstream{
		Name: name, BaseURL: config.GetBaseUrl(), Timeout: duration(config.GetTimeout()),
		MaxConnections: int(config.GetMaxConnections()), Credential: freezeCredential(config.GetCredentials()),
		Breaker: plan.Breaker{
			FailureRatio: config.GetBreaker().GetFailureRatio(), MinRequests: int(config.GetBreaker().GetMinRequests()),
			Window: duration(config.GetBreaker().GetWindow()), OpenFor: duration(config.GetBreaker().GetOpenFor()),
		},
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

func freezeCredential(config *configv1.Credentials) plan.Credential {
	switch kind := config.GetKind().(type) {
	case *configv1.Credentials_Bearer:
		return plan.Credential{Env: kind.Bearer.GetEnv(), File: kind.Bearer.GetFile()}
	case *configv1.Credentials_Header:
		return plan.Credential{Header: kind.Header.GetName(), Env: kind.Header.GetEnv(), File: kind.Header.GetFile()}
	default:
		return plan.Credential{}
	}
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
