package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/sheaf-rpc/sheaf/bench/internal/cases"
	"github.com/sheaf-rpc/sheaf/bench/internal/child"
	"github.com/sheaf-rpc/sheaf/bench/internal/load"
)

// contestant is a subject whose process runs in front of the services of a case.
type contestant struct {
	subject

	process *child.Process
	request load.Request
	callers []load.Caller
	close   func()
}

// start starts the subjects that take part in a case, and checks what they answer. Those that have started are returned with an error, too.
func (m *measurement) start(ctx context.Context, c *cases.Case) ([]*contestant, error) {
	baseURL := "http://" + m.services.Address + c.Upstream
	expected, err := expect(ctx, c, baseURL)
	if err != nil {
		return nil, err
	}
	var contestants []*contestant
	for _, s := range m.subjects {
		if !s.takesPart(c) {
			continue
		}
		process, err := child.Start(ctx, s.environment(m.services.Address), "serve", s.name, baseURL)
		if err != nil {
			return contestants, err
		}
		one := &contestant{subject: s, process: process, close: func() {}}
		contestants = append(contestants, one)
		if err := one.connect(c); err != nil {
			return contestants, fmt.Errorf("%s: %w", s.name, err)
		}
		answer, err := one.callers[0].Call()
		if err != nil {
			return contestants, fmt.Errorf("%s: %w", s.name, err)
		}
		if err := s.check(c, answer, expected); err != nil {
			return contestants, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return contestants, nil
}

func (o *contestant) connect(c *cases.Case) (err error) {
	if o.request, err = o.front(c, o.process.Address); err != nil {
		return err
	}
	o.callers, o.close = load.NewCallers(o.request, c.Connections)
	return nil
}

func stop(contestants []*contestant) error {
	var failed []error
	for _, one := range contestants {
		one.close()
		failed = append(failed, one.process.Stop())
	}
	return errors.Join(failed...)
}
