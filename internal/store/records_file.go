package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// fileRecords keep all records in one file, which is replaced as a whole. Beside it stands a directory of locks.
type fileRecords struct {
	path string
}

// FileRecords keeps records in a file, for the processes of one machine. It creates its directory.
func FileRecords(path string) (Records, error) {
	f := &fileRecords{path: path}
	if err := os.MkdirAll(f.locks(), 0o700); err != nil {
		return nil, fmt.Errorf("create directory: %w", err)
	}
	return f, nil
}

// fileContent is the file's JSON.
type fileContent struct {
	Records map[string]Record `json:"records"`
}

func (f *fileRecords) locks() string { return f.path + ".locks" }

func (f *fileRecords) read() (fileContent, error) {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fileContent{Records: map[string]Record{}}, nil
	}
	var content fileContent
	if err != nil {
		return content, fmt.Errorf("read records: %w", err)
	}
	if err := json.Unmarshal(text, &content); err != nil || content.Records == nil {
		return content, fmt.Errorf("read records: %s is no file of records", f.path)
	}
	return content, nil
}

// Load implements Records.
func (f *fileRecords) Load(_ context.Context, name string) (Record, error) {
	content, err := f.read()
	return content.Records[name], err
}

// Save implements Records.
func (f *fileRecords) Save(ctx context.Context, name string, record Record) error {
	const whole = "file"
	unlock, err := f.Lock(ctx, whole, 0)
	if err != nil {
		return err
	}
	defer unlock()
	content, err := f.read()
	if err != nil {
		return err
	}
	if content.Records[name].Generation >= record.Generation {
		return ErrNotNewer
	}
	content.Records[name] = record
	text, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	if err := replaceFile(f.path, text); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	return nil
}

// Lock implements Records. The lock ends with the process; there is no lease.
func (f *fileRecords) Lock(ctx context.Context, name string, _ time.Duration) (func(), error) {
	return lockPath(ctx, filepath.Join(f.locks(), name))
}
