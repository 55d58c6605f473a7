package bff_test

import (
	"strings"
	"testing"
)

// TestReloadWarnsOfOpening: one line says what a reload has taken away between clients and RPCs, and nothing says so of one that takes nothing away.
func TestReloadWarnsOfOpening(t *testing.T) {
	t.Parallel()
	const identity, rules, limits = "  identity: {partners: {api_key: {file: state/keys.json}}}\n", "  rules: {all: {rpcs: ['*'], allow: 'true'}}\n",
		"  limits: {all: {rate: 100/s}}\n"
	for name, test := range map[string]struct{ before, now, want string }{
		"nothing":        {"policy:\n" + rules, "policy:\n" + rules + limits, ""},
		"there was none": {"", "", ""},
		"everything": {
			"policy:\n" + identity + rules, "",
			`since the reload, whoever reaches the address may call every RPC; policy.identity and policy.rules say who may","gone":["policy.identity","policy.rules"],` +
				`"now":{"tls":false,"identity":["anonymous"],"rules":0,"limits":0},"before":{"tls":false,"identity":["partners"],"rules":1,"limits":0}`,
		},
		"identity alone": {"policy:\n" + identity, "policy:\n" + limits, `whoever reaches the address may call every RPC`},
		"rules": {
			"policy:\n" + identity + rules, "policy:\n" + identity,
			`the reload has taken away what stood between clients and RPCs","gone":["policy.rules"]`,
		},
		"limits": {"policy:\n" + rules + limits, "policy:\n" + rules, `"gone":["policy.limits"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGreeter(t)
			bare := g.read(t, "sheaf.yaml")
			g.write(t, "sheaf.yaml", bare+test.before)
			h := serve(t, g.dir)
			g.write(t, "sheaf.yaml", bare+test.now)
			if _, err := h.server.Reload(withDeadline(t)); err != nil {
				t.Fatal(err)
			}
			warnings := 0
			for line := range strings.Lines(h.logs.String()) {
				if strings.Contains(line, `"level":"WARN"`) {
					warnings++
					contains(t, line, test.want)
				}
			}
			if want := min(len(test.want), 1); warnings != want {
				t.Errorf("%d warnings, want %d:\n%s", warnings, want, h.logs)
			}
		})
	}
}
