package bff

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sheaf-rpc/sheaf/internal/compare"
)

// The results of candidates in the shadow.
const (
	shadowEqual     = "equal"
	shadowDifferent = "different"
	shadowFailed    = "failed"
	shadowDropped   = "dropped" // for want of room, or because the files have been read again
	shadowSkipped   = "skipped"
)

// ShadowRecord is a field in which a candidate in the shadow has answered something else than clients were given.
type ShadowRecord struct {
	// Route and RPC are the names of both; Field is the path from the response message.
	Route, RPC, Field string
	// Missing counts what only the answer had, Extra what only the candidate's had, and Different what was in both.
	Missing, Extra, Different int
	// First and Last are when.
	First, Last time.Time
}

// maxShadowRecords bounds how many fields are remembered.
const maxShadowRecords = 200

// shadowRecords are the fields that a server has seen differ, the newest kinds last.
type shadowRecords struct {
	mu   sync.Mutex
	seen []ShadowRecord
}

func (s *shadowRecords) add(route, rpc string, field *compare.Field) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	at := slices.IndexFunc(s.seen, func(one ShadowRecord) bool { return one.Route == route && one.RPC == rpc && one.Field == field.Path })
	if at < 0 {
		if len(s.seen) == maxShadowRecords {
			s.seen = slices.Delete(s.seen, 0, 1)
		}
		s.seen = append(s.seen, ShadowRecord{Route: route, RPC: rpc, Field: field.Path, First: now})
		at = len(s.seen) - 1
	}
	one := &s.seen[at]
	one.Missing, one.Extra, one.Different, one.Last = one.Missing+field.Missing, one.Extra+field.Extra, one.Different+field.Different, now
}

// Shadows are the fields in which candidates have answered something else since the server was opened; of very many, the newest.
func (s *Server) Shadows() []ShadowRecord {
	s.shadowed.mu.Lock()
	defer s.shadowed.mu.Unlock()
	return slices.Clone(s.shadowed.seen)
}

// sampler lets through one line in a while, and counts those in between.
type sampler struct {
	mu   sync.Mutex
	next time.Time
	left int
}

// sampleEvery is the time between two lines about one shadow and one RPC.
const sampleEvery = 10 * time.Second

// ask reports whether it is time for a line, and how many were left out before it.
func (s *sampler) ask(now time.Time) (left int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.next) {
		s.left++
		return 0, false
	}
	left, s.left, s.next = s.left, 0, now.Add(sampleEvery)
	return left, true
}

func (s *shadows) count(ctx context.Context, one *route, result string) {
	s.server.meters.shadows.Add(ctx, 1, metric.WithAttributes(attribute.String("sheaf.rpc", one.rpc()),
		attribute.String("sheaf.route", one.Name), attribute.String("sheaf.result", result)))
}

// tell counts, remembers and, now and then, logs what came of a candidate. Fields are named, and values never.
func (s *shadows) tell(ctx context.Context, one *route, fields []compare.Field, err error) {
	fields = slices.DeleteFunc(fields, func(field compare.Field) bool { return field.IsEqual() })
	result := shadowEqual
	switch {
	case err != nil:
		result = shadowFailed
	case len(fields) > 0:
		result = shadowDifferent
	}
	for i := range fields {
		s.server.shadowed.add(one.Name, one.rpc(), &fields[i])
	}
	s.count(ctx, one, result)
	if result == shadowEqual {
		return
	}
	left, ok := one.said.ask(time.Now())
	if !ok {
		return
	}
	attributes := []slog.Attr{slog.String("rpc", one.rpc()), slog.String("route", one.Name), slog.Int("not_logged", left)}
	if err != nil {
		s.server.settings.logger.LogAttrs(ctx, slog.LevelWarn, "shadow failed", append(attributes, slog.String("error", err.Error()))...)
		return
	}
	s.server.settings.logger.LogAttrs(ctx, slog.LevelWarn, "shadow answers something else", append(attributes, slog.Any("fields", describeFields(fields)))...)
}

// describeFields are the first of the fields that differ.
func describeFields(fields []compare.Field) []string {
	const most = 20
	var texts []string
	for i := range min(len(fields), most) {
		field := &fields[i]
		var counts []string
		for _, one := range []struct {
			n    int
			word string
		}{{field.Missing, "missing"}, {field.Extra, "extra"}, {field.Different, "different"}} {
			if one.n > 0 {
				counts = append(counts, fmt.Sprintf("%d %s", one.n, one.word))
			}
		}
		texts = append(texts, field.Path+": "+strings.Join(counts, ", "))
	}
	return texts
}
