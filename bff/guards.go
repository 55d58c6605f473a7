package bff

import "log/slog"

// Guards are what stands between clients and RPCs on the public listener.
type Guards struct {
	// TLS is set if the listener speaks it itself.
	TLS bool
	// Identity are the names of the identity providers; without any, everybody is anonymous.
	Identity []string
	// Rules and Limits are how many the policy has; without a rule, everybody who proves who they are may call everything.
	Rules, Limits int
}

var _ slog.LogValuer = Guards{}

// Open reports whether everybody may call everything.
func (g Guards) Open() bool { return len(g.Identity) == 0 && g.Rules == 0 }

// LogValue implements slog.LogValuer.
func (g Guards) LogValue() slog.Value {
	names := g.Identity
	if len(names) == 0 {
		names = []string{"anonymous"}
	}
	return slog.GroupValue(slog.Bool("tls", g.TLS), slog.Any("identity", names), slog.Int("rules", g.Rules), slog.Int("limits", g.Limits))
}

// gone are the settings of which there was something before, and nothing is now.
func (g Guards) gone(before Guards) []string {
	var names []string
	for _, setting := range []struct {
		name     string
		was, now bool
	}{
		{"server.tls", before.TLS, g.TLS},
		{"policy.identity", len(before.Identity) > 0, len(g.Identity) > 0},
		{"policy.rules", before.Rules > 0, g.Rules > 0},
		{"policy.limits", before.Limits > 0, g.Limits > 0},
	} {
		if setting.was && !setting.now {
			names = append(names, setting.name)
		}
	}
	return names
}

// guards are those of a world.
func (w *world) guards() Guards {
	guards := Guards{TLS: w.plan.Server.TLS != nil}
	if policy := w.plan.Policy; policy != nil {
		guards.Rules, guards.Limits = len(policy.Rules), len(policy.Limits)
	}
	for _, provider := range w.identityProviders() {
		guards.Identity = append(guards.Identity, provider.Name)
	}
	return guards
}

// warnOpened tells operators that a reload has taken guards away: what is left out of a file by mistake looks like one that is meant.
func (s *Server) warnOpened(before, now Guards) {
	gone := now.gone(before)
	if len(gone) == 0 {
		return
	}
	text := "the reload has taken away what stood between clients and RPCs"
	if now.Open() {
		text = "since the reload, whoever reaches the address may call every RPC; policy.identity and policy.rules say who may"
	}
	s.settings.logger.Warn(text, slog.Any("gone", gone), slog.Any("now", now), slog.Any("before", before))
}
