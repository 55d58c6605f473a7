package bff

import (
	"context"
	"errors"
	"fmt"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// openRedis prepares to use the project's Redis, if it has one. No connection is made.
func (s *Server) openRedis() error {
	from := s.plan.Redis
	if from == nil {
		return nil
	}
	config := store.RedisConfig{
		Addresses: from.Addresses, Master: from.Master, Cluster: from.Cluster, Username: from.Username, Database: from.Database,
		Timeout: from.Timeout, Prefix: from.Prefix, Logger: s.settings.logger, MeterProvider: s.settings.meters,
	}
	password, err := s.openSecret(from.Password)
	if err != nil {
		return problemAt(from.Password.At, putThere, err)
	}
	config.Password = password.Value()
	if from.TLS != nil {
		config.TLS, err = store.TLSConfig(store.TLSFiles{
			CA: from.TLS.CA.Path, Certificate: from.TLS.Certificate.Path, Key: from.TLS.Key.Path, ServerName: from.TLS.ServerName,
		})
		if err != nil {
			return problemAt(from.At, putThere, err)
		}
	}
	s.redis, err = store.OpenRedis(config)
	return err
}

// keepRenewed keeps what accounts renew where the project says.
func (s *Server) keepRenewed() error {
	from := s.plan.Renewed
	if from == nil {
		return nil
	}
	key, err := s.openSecret(from.Key)
	if err != nil {
		return problemAt(from.Key.At, putThere, err)
	}
	records, err := s.records(from)
	if err != nil {
		return problemAt(from.At, "make its directory one that can be written to", err)
	}
	err = s.accounts.Keep(context.Background(), store.KeepConfig{Records: records, Key: key.Value(), Logger: s.settings.logger})
	switch {
	case errors.Is(err, store.ErrKey):
		return problemAt(from.Key.At, "give the key that was used before; without it, put new secrets into the file of accounts, and remove what is kept", err)
	case err != nil:
		return problemAt(from.At, "make it readable, and whole, again; or put new secrets into the file of accounts, and remove what is kept", err)
	default:
		return nil
	}
}

func (s *Server) records(from *plan.Renewed) (store.Records, error) {
	if from.File == "" {
		return s.redis.Records(), nil
	}
	return store.FileRecords(from.File)
}

// blobs is where a cache keeps its answers.
func (s *Server) blobs(cache *plan.Cache) store.Blobs {
	if cache.Redis {
		return s.redis
	}
	return store.NewMemory(int(cache.MaxBytes))
}

// putThere is the cure of a file or a secret that is not where it should be.
const putThere = "put it there, then start again"

func problemAt(at diag.Position, hint string, err error) error {
	var problems diag.Problems
	problems.Add(at, 0, hint, "%v", err)
	return fmt.Errorf("read settings: %w", problems.Err())
}
