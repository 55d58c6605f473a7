package bff

import (
	"fmt"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// redis is the project's Redis. Worlds share it while its settings and its secrets are the same.
type redis struct {
	shared
	*store.Redis

	plan    *plan.Redis
	secrets secrets
}

// openRedis prepares to use the project's Redis, if it has one. No connection is made.
func (w *world) openRedis(older *world) error {
	from := w.plan.Redis
	if from == nil {
		return nil
	}
	reading := w.reader()
	config, err := w.redisConfig(reading)
	if err != nil {
		return err
	}
	if older != nil && older.redis != nil && older.redis.plan.Same(from) && older.redis.secrets.hold(reading.found) {
		w.redis = older.redis
		w.redis.use()
		return nil
	}
	opened, err := store.OpenRedis(config)
	if err != nil {
		return err
	}
	w.redis = &redis{Redis: opened, plan: from, secrets: reading.found}
	w.redis.close = func() { _ = opened.Close() } // what is left of it is of no use
	w.redis.use()
	return nil
}

func (w *world) redisConfig(reading *secretReader) (store.RedisConfig, error) {
	from, settings := w.plan.Redis, &w.server.settings
	config := store.RedisConfig{
		Addresses: from.Addresses, Master: from.Master, Cluster: from.Cluster, Username: from.Username, Database: from.Database,
		Timeout: from.Timeout, Prefix: from.Prefix, Logger: settings.logger, MeterProvider: settings.meters,
	}
	var err error
	if config.Password, err = reading.read(from.Password); err != nil {
		return config, problemAt(from.Password.At, putThere, err)
	}
	if from.TLS != nil {
		var problems diag.Problems
		if config.TLS, problems = readTLS(from.TLS, reading); len(problems) > 0 {
			return config, fmt.Errorf("read settings: %w", problems.Err())
		}
	}
	return config, nil
}
