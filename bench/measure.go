package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sheaf-rpc/sheaf/bench/internal/cases"
	"github.com/sheaf-rpc/sheaf/bench/internal/child"
	"github.com/sheaf-rpc/sheaf/bench/internal/load"
	"github.com/sheaf-rpc/sheaf/bench/internal/report"
)

// measurement is under way.
type measurement struct {
	*options

	services *child.Process
	progress io.Writer
	results  report.Results
}

// measure runs everything that the options say, and prints the report. What was measured before something failed is printed, too.
func measure(ctx context.Context, chosen *options, out, progress io.Writer) error {
	m := &measurement{options: chosen, progress: progress, results: report.Results{Machine: report.ThisMachine(), Method: chosen.method()}}
	for _, s := range subjects() {
		m.results.Subjects = append(m.results.Subjects, report.Subject{Name: s.name, About: s.about})
	}
	failed := m.run(ctx)
	return errors.Join(failed, m.write(out))
}

func (m *measurement) run(ctx context.Context) (err error) {
	if m.cpuProfile != "" {
		if err := os.MkdirAll(m.cpuProfile, 0o755); err != nil {
			return fmt.Errorf("make directory for profiles: %w", err)
		}
	}
	if m.services, err = child.Start(ctx, nil, "serve", services); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.services.Stop()) }()
	for i := range m.cases {
		if err := m.measureCase(ctx, &m.cases[i]); err != nil {
			return fmt.Errorf("%s: %w", m.cases[i].Name, err)
		}
	}
	return nil
}

func (m *measurement) write(out io.Writer) error {
	if len(m.results.Runs) == 0 {
		return nil
	}
	if m.json != "" {
		text, err := json.MarshalIndent(&m.results, "", " ")
		if err != nil {
			return fmt.Errorf("encode results: %w", err)
		}
		if err := os.WriteFile(m.json, append(text, '\n'), 0o600); err != nil {
			return fmt.Errorf("write results: %w", err)
		}
	}
	_, err := io.WriteString(out, m.results.Markdown())
	return err
}

// measureCase runs the subjects of a case in turn, each round beginning with another one: first as fast as answers come, and then, where
// latency counts, at a fixed rate.
func (m *measurement) measureCase(ctx context.Context, c *cases.Case) (err error) {
	contestants, err := m.start(ctx, c)
	defer func() { err = errors.Join(err, stop(contestants)) }()
	if err != nil {
		return err
	}
	if err := m.inTurn(ctx, c, contestants, "as fast as answers come", m.saturate); err != nil {
		return err
	}
	if rate := m.results.PerSecond(c.Name, report.Baseline) / 2; c.Latency && rate > 0 {
		atRate := func(ctx context.Context, c *cases.Case, one *contestant, _ int) (report.Run, error) {
			return m.atRate(ctx, c, one, rate)
		}
		if err := m.inTurn(ctx, c, contestants, fmt.Sprintf("%.0f calls a second", rate), atRate); err != nil {
			return err
		}
	}
	if c.MoreRPCs {
		return m.reload(c, contestants)
	}
	return nil
}

// runner makes one run.
type runner func(ctx context.Context, c *cases.Case, one *contestant, round int) (report.Run, error)

func (m *measurement) inTurn(ctx context.Context, c *cases.Case, contestants []*contestant, how string, run runner) error {
	for round := range m.rounds {
		_, _ = fmt.Fprintf(m.progress, "%s, %s: round %d of %d\n", c.Name, how, round+1, m.rounds)
		for i := range contestants {
			if err := ctx.Err(); err != nil {
				return err
			}
			one := contestants[(i+round)%len(contestants)]
			result, err := run(ctx, c, one, round)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			result.Case, result.Subject, result.Round = c.Name, one.name, round
			m.results.Runs = append(m.results.Runs, result)
		}
	}
	return nil
}

// profile is the file for the CPU profile of a run; empty for none.
func (m *measurement) profile(c *cases.Case, one *contestant, round int) string {
	if m.cpuProfile == "" {
		return ""
	}
	return filepath.Join(m.cpuProfile, fmt.Sprintf("%s.%s.%d.pprof", one.name, c.Key(), round+1))
}

// saturate makes calls as fast as answers come.
func (m *measurement) saturate(_ context.Context, c *cases.Case, one *contestant, round int) (report.Run, error) {
	if err := m.begin(one, one.callers, m.profile(c, one, round)); err != nil {
		return report.Run{}, err
	}
	calls, took, err := load.Closed(one.callers, m.length)
	if err != nil {
		return report.Run{}, err
	}
	usage, err := one.process.End()
	return report.Run{Calls: calls, Took: took, Usage: usage}, err
}

// atRate makes calls at a fixed rate, over more connections than are needed.
func (m *measurement) atRate(ctx context.Context, c *cases.Case, one *contestant, rate float64) (report.Run, error) {
	const connections = 64
	callers, closeAll := load.NewCallers(one.request, max(connections, 2*c.Connections))
	defer closeAll()
	if err := m.begin(one, callers, ""); err != nil {
		return report.Run{}, err
	}
	started := time.Now()
	latencies, err := load.Open(ctx, callers, rate, m.length)
	if err != nil {
		return report.Run{}, err
	}
	took := time.Since(started)
	usage, err := one.process.End()
	return report.Run{
		Calls: len(latencies), Took: took, Usage: usage, Rate: rate,
		P50: load.Percentile(latencies, 0.5), P99: load.Percentile(latencies, 0.99), P999: load.Percentile(latencies, 0.999),
	}, err
}

// begin warms a subject up, and begins to measure it.
func (m *measurement) begin(one *contestant, callers []load.Caller, profile string) error {
	const warming = 10 // warming up takes this part of the time that is measured
	if _, _, err := load.Closed(callers, m.length/warming); err != nil {
		return err
	}
	return one.process.Begin(profile)
}

// reload lets the subjects that can read their files again, some times.
func (m *measurement) reload(c *cases.Case, contestants []*contestant) error {
	for _, one := range contestants {
		if one.name == report.Baseline {
			continue
		}
		startup := report.Startup{Case: c.Name, Subject: one.name, Opened: one.process.Opened}
		for range m.rounds {
			took, err := one.process.Reload()
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			startup.Reloads = append(startup.Reloads, took)
		}
		m.results.Startups = append(m.results.Startups, startup)
	}
	return nil
}
