package main

import (
	"context"
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

// contestant is a subject whose process runs.
type contestant struct {
	subject

	process *child.Process
	callers []load.Caller
	close   func()
}

// measurement is under way.
type measurement struct {
	*options

	services *child.Process
	progress io.Writer
	results  report.Results
}

// measure runs everything that the options say, and prints the report.
func measure(ctx context.Context, chosen *options, out, progress io.Writer) error {
	if chosen.cpuProfile != "" {
		if err := os.MkdirAll(chosen.cpuProfile, 0o755); err != nil {
			return fmt.Errorf("make directory for profiles: %w", err)
		}
	}
	began, err := child.Start(ctx, nil, "serve", services)
	if err != nil {
		return err
	}
	m := &measurement{options: chosen, services: began, progress: progress}
	for i := range m.cases {
		if err := m.measureCase(ctx, &m.cases[i]); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", m.cases[i].Name, err), began.Stop())
		}
	}
	if err := began.Stop(); err != nil {
		return err
	}
	_, err = io.WriteString(out, m.results.Markdown())
	return err
}

// measureCase runs the subjects in turn, each round beginning with another one.
func (m *measurement) measureCase(ctx context.Context, c *cases.Case) (err error) {
	contestants, err := m.start(ctx, c)
	defer func() { err = errors.Join(err, stop(contestants)) }()
	if err != nil {
		return err
	}
	for round := range m.rounds {
		for i := range contestants {
			one := contestants[(i+round)%len(contestants)]
			result, err := m.saturate(c, one, round)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			m.results.Runs = append(m.results.Runs, result)
			fmt.Fprintf(m.progress, "%s, round %d, %s: %.0f us of CPU a call, %d calls in %s\n",
				c.Name, round+1, one.name, float64(result.Usage.CPU.Microseconds())/float64(result.Calls), result.Calls, result.Took.Round(time.Millisecond))
		}
	}
	return nil
}

// start starts the subjects that take part in a case, and checks what they answer.
func (m *measurement) start(ctx context.Context, c *cases.Case) ([]*contestant, error) {
	baseURL := "http://" + m.services.Address + c.Upstream
	expected, err := expect(ctx, c, baseURL)
	if err != nil {
		return nil, err
	}
	var contestants []*contestant
	for _, s := range m.subjects {
		if s.only != nil && !s.only(c) {
			continue
		}
		process, err := child.Start(ctx, s.environment(m.services.Address), "serve", s.name, baseURL)
		if err != nil {
			return contestants, err
		}
		one := &contestant{subject: s, process: process, close: func() {}}
		contestants = append(contestants, one)
		request, err := s.front(c, process.Address)
		if err != nil {
			return contestants, err
		}
		one.callers, one.close = load.NewCallers(request, c.Connections)
		answer, err := one.callers[0].Call()
		if err == nil {
			err = s.check(c, answer, expected)
		}
		if err != nil {
			return contestants, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return contestants, nil
}

func stop(contestants []*contestant) error {
	var failed []error
	for _, one := range contestants {
		one.close()
		failed = append(failed, one.process.Stop())
	}
	return errors.Join(failed...)
}

// saturate makes calls as fast as answers come.
func (m *measurement) saturate(c *cases.Case, one *contestant, round int) (report.Run, error) {
	if err := m.begin(c, one, round); err != nil {
		return report.Run{}, err
	}
	calls, took, err := load.Closed(one.callers, m.length)
	if err != nil {
		return report.Run{}, err
	}
	usage, err := one.process.End()
	return report.Run{Case: c.Name, Subject: one.name, Round: round, Calls: calls, Took: took, Usage: usage}, err
}

// begin warms a subject up, and begins to measure it.
func (m *measurement) begin(c *cases.Case, one *contestant, round int) error {
	const warming = 10 // of the time that is measured, the part that is for warming up before
	if _, _, err := load.Closed(one.callers, m.length/warming); err != nil {
		return err
	}
	profile := ""
	if m.cpuProfile != "" {
		profile = filepath.Join(m.cpuProfile, fmt.Sprintf("%s.%s.%d.pprof", one.name, c.Key(), round+1))
	}
	return one.process.Begin(profile)
}
