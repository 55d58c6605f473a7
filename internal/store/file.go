package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// replaceFile replaces a file, which only its owner may read, so that it is whole whenever the machine stops.
func replaceFile(path string, text []byte) error {
	next, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // for its owner alone
	if err != nil {
		return err
	}
	_, err = next.Write(text)
	err = errors.Join(err, next.Sync(), next.Close())
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes a new name in a directory last.
func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

// lockPath waits for the lock that a file stands for, against other processes and others in this one. It ends with unlock, or with the
// process.
func lockPath(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	unlock = func() { _ = file.Close() } // which gives the lock back
	if err := await(ctx, func() (bool, error) { return lockFile(file) }); err != nil {
		unlock()
		return nil, fmt.Errorf("lock: %w", err)
	}
	return unlock, nil
}
