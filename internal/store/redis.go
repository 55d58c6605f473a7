package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// RedisConfig says where a Redis is. Zero values mean the defaults that are named here.
type RedisConfig struct {
	// Addresses are host:port of the server, of nodes of a cluster, or of Sentinels if there is a Master. Several without a
	// master are a cluster.
	Addresses []string
	Master    string
	// Cluster is set if one address alone is a cluster's.
	Cluster  bool
	Username string
	Password secret.Value
	// TLS is nil for clear text.
	TLS      *tls.Config
	Database int
	// Timeout bounds each operation, connecting included. Default: 100ms.
	Timeout time.Duration
	// Prefix is what all keys begin with. Default: sheaf:.
	Prefix string

	// Logger defaults to one that discards, MeterProvider to none.
	Logger        *slog.Logger
	MeterProvider metric.MeterProvider
}

// Redis is a Redis, or a Valkey, that replicas share. It is safe for concurrent use. While it is away, operations fail at once.
type Redis struct {
	client  redis.UniversalClient
	timeout time.Duration
	prefix  string
}

var _ Blobs = (*Redis)(nil)

// ErrAway says that Redis cannot be reached, or cannot do what it is for.
var ErrAway = errors.New("redis is away")

// errSlow is the cause of an operation's end if it took longer than it may.
var errSlow = errors.New("redis is slow")

// maxBlob bounds a value in Redis in bytes, so that one fits through within the timeout.
const maxBlob = 1 << 20

// OpenRedis prepares to use a Redis. No connection is made before the first operation. The caller closes it.
func OpenRedis(config RedisConfig) (*Redis, error) {
	config = config.withDefaults()
	watch, err := newWatch(&config)
	if err != nil {
		return nil, err
	}
	options := config.options()
	if !config.isCluster() {
		client := redis.NewUniversalClient(options)
		client.AddHook(watch.guard(cmp.Or(config.Master, config.Addresses[0])))
		return &Redis{client: client, timeout: config.Timeout, prefix: config.Prefix}, nil
	}
	// One node may be away while the others are well.
	cluster := redis.NewClusterClient(options.Cluster())
	cluster.OnNewNode(func(node *redis.Client) { node.AddHook(watch.guard(node.Options().Addr)) })
	return &Redis{client: cluster, timeout: config.Timeout, prefix: config.Prefix}, nil
}

func (c RedisConfig) isCluster() bool { return c.Master == "" && (c.Cluster || len(c.Addresses) > 1) }

func (c RedisConfig) withDefaults() RedisConfig {
	if c.Timeout == 0 {
		c.Timeout = 100 * time.Millisecond
	}
	if c.Prefix == "" {
		c.Prefix = "sheaf:"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MeterProvider == nil {
		c.MeterProvider = metricnoop.NewMeterProvider()
	}
	return c
}

// options leave retries to the callers of RPCs: what repeats an operation multiplies its time.
func (c RedisConfig) options() *redis.UniversalOptions {
	const never, once = -1, 1
	return &redis.UniversalOptions{
		Addrs: c.Addresses, MasterName: c.Master, Username: c.Username, Password: c.Password.Reveal(), DB: c.Database, TLSConfig: c.TLS,
		DialTimeout: c.Timeout, ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, PoolTimeout: c.Timeout, ContextTimeoutEnabled: true,
		MaxRetries: never, DialerRetries: once,
		// Nothing here needs what later protocols and Redis's own cloud push.
		Protocol: 2, DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Close closes the connections. Operations fail from then on.
func (r *Redis) Close() error {
	if err := r.client.Close(); err != nil {
		return fmt.Errorf("close redis: %w", err)
	}
	return nil
}

// bounded bounds an operation.
func (r *Redis) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, r.timeout, errSlow)
}

// Get implements Blobs.
func (r *Redis) Get(ctx context.Context, key string) ([]byte, bool, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	value, err := r.client.Get(ctx, r.prefix+key).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, false, nil
	}
	return value, err == nil, away("get", err)
}

// Set implements Blobs. A value larger than 1 MiB is not kept.
func (r *Redis) Set(ctx context.Context, key string, value []byte, keep time.Duration) error {
	if len(value) > maxBlob || keep < time.Millisecond { // which Redis cannot express
		return r.Delete(ctx, key)
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	return away("set", r.client.Set(ctx, r.prefix+key, value, keep).Err())
}

// Delete implements Blobs.
func (r *Redis) Delete(ctx context.Context, key string) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	return away("delete", r.client.Del(ctx, r.prefix+key).Err())
}

// away is the error of an operation. That of one whose caller has left says nothing about Redis.
func away(operation string, err error) error {
	if err == nil || errors.Is(err, ErrAway) || errors.Is(err, errGivenUp) {
		return err
	}
	return fmt.Errorf("%s: %w: %w", operation, ErrAway, err)
}
