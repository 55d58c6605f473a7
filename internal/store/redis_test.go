package store_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

func openRedis(t *testing.T, config store.RedisConfig) *store.Redis {
	t.Helper()
	if config.Timeout == 0 {
		config.Timeout = 10 * time.Second // a busy machine is not a Redis that is away
	}
	opened, err := store.OpenRedis(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

func TestRedisBlobs(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	server.RequireUserAuth("sheaf", "canary")
	redis := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}, Username: "sheaf", Password: secret.NewValue("canary"), Database: 3})
	ctx := withDeadline(t)
	if _, ok, err := redis.Get(ctx, "a"); ok || err != nil {
		t.Fatalf("nothing is there: %v, %v", ok, err)
	}
	want := []byte("one\x00two")
	if err := redis.Set(ctx, "a", want, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := redis.Get(ctx, "a"); !ok || err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, %v, %v", got, ok, err)
	}
	if !server.DB(3).Exists("sheaf:a") || server.DB(3).TTL("sheaf:a") != time.Minute {
		t.Errorf("keys = %v, ttl = %s", server.DB(3).Keys(), server.DB(3).TTL("sheaf:a"))
	}
	for name, set := range map[string]func() error{
		"too large":     func() error { return redis.Set(ctx, "a", make([]byte, 1<<20+1), time.Minute) },
		"for no time":   func() error { return redis.Set(ctx, "a", want, time.Microsecond) },
		"deleted":       func() error { return redis.Delete(ctx, "a") },
		"deleted again": func() error { return redis.Delete(ctx, "a") },
	} {
		if err := set(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok, _ := redis.Get(ctx, "a"); ok {
			t.Errorf("%s: the old value is still there", name)
		}
	}
}

// silent is a listener that takes connections and never answers; it counts them.
func silent(t *testing.T) (address string, connections *atomic.Int64) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	connections = &atomic.Int64{}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			t.Cleanup(func() { _ = connection.Close() })
		}
	}()
	return listener.Addr().String(), connections
}

// TestRedisAway: one that never answers costs a few timeouts, and after that nothing but a try now and then.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	for name, cluster := range map[string]bool{"single": false, "cluster": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, connections := silent(t)
			logged := &logs{}
			redis := openRedis(t, store.RedisConfig{Addresses: []string{address}, Cluster: cluster, Timeout: 20 * time.Millisecond, Logger: logged.logger()})
			ctx := withDeadline(t)
			refused := 0
			const asked = 500
			for range asked {
				_, ok, err := redis.Get(ctx, "a")
				if ok || !errors.Is(err, store.ErrAway) {
					t.Fatalf("got %v, %v", ok, err)
				}
				if !strings.Contains(err.Error(), "get:") {
					refused++
				}
			}
			// A loaded machine may let some seconds pass, each with a try.
			if refused < asked*9/10 || connections.Load() > asked/10 {
				t.Errorf("%d of %d were refused at once, over %d connections", refused, asked, connections.Load())
			}
			if count := strings.Count(logged.String(), "redis is away"); count != 1 {
				t.Errorf("logged %d times:\n%s", count, logged)
			}
		})
	}
}

// TestRedisBack: what was away is used again, and both changes are logged once.
func TestRedisBack(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	logged := &logs{}
	measured := metric.NewManualReader()
	redis := openRedis(t, store.RedisConfig{
		Addresses: []string{server.Addr()}, Logger: logged.logger(), MeterProvider: metric.NewMeterProvider(metric.WithReader(measured)),
	})
	ctx := withDeadline(t)
	if err := redis.Set(ctx, "a", []byte("x"), time.Minute); err != nil {
		t.Fatal(err)
	}
	server.Close()
	for range 10 {
		if _, _, err := redis.Get(ctx, "a"); !errors.Is(err, store.ErrAway) {
			t.Fatalf("error = %v", err)
		}
	}
	if err := server.Restart(); err != nil { // the next try needs a new connection
		t.Fatal(err)
	}
	eventually(t, func() bool { _, ok, err := redis.Get(ctx, "a"); return ok && err == nil })
	text := logged.String()
	if strings.Count(text, "redis is away") != 1 || strings.Count(text, "redis is back") != 1 {
		t.Errorf("logged:\n%s", text)
	}
	if changes, failures := sum(t, measured, "sheaf.redis.changes"), sum(t, measured, "sheaf.redis.failures"); changes != 2 || failures < 10 {
		t.Errorf("measured %d changes and %d failures", changes, failures)
	}
}

// sum is what a counter has come to.
func sum(t *testing.T, reader *metric.ManualReader, name string) (total int64) {
	t.Helper()
	var measured metricdata.ResourceMetrics
	if err := reader.Collect(withDeadline(t), &measured); err != nil {
		t.Fatal(err)
	}
	for _, scope := range measured.ScopeMetrics {
		for _, one := range scope.Metrics {
			if data, ok := one.Data.(metricdata.Sum[int64]); ok && one.Name == name {
				for _, point := range data.DataPoints {
					total += point.Value
				}
			}
		}
	}
	return total
}

// eventually waits until something holds.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for ctx := withDeadline(t); !holds(); {
		select {
		case <-ctx.Done():
			t.Fatal("it never happened")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestRedisGivenUp: callers who leave say nothing about Redis.
func TestRedisGivenUp(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	logged := &logs{}
	redis := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}, Logger: logged.logger()})
	left, leave := context.WithCancel(t.Context())
	leave()
	for range 10 {
		if _, _, err := redis.Get(left, "a"); !errors.Is(err, context.Canceled) {
			t.Fatalf("error = %v", err)
		}
	}
	if _, _, err := redis.Get(withDeadline(t), "a"); err != nil || logged.String() != "" {
		t.Errorf("error = %v, logged %s", err, logged)
	}
}
