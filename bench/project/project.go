// Package project is for the project that Sheaf serves in the benchmark: its files, embedded, and written where Sheaf reads them.
package project

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed sheaf.yaml policy.yaml proto bindings
var files embed.FS

// Options are what a project has besides the contract and its bindings.
type Options struct {
	// Policy adds the callers' identity, a rule and a limit.
	Policy bool
	// MoreRPCs adds so many bound RPCs that nobody calls.
	MoreRPCs int
}

// Write writes a project to a directory.
func Write(dir string, options Options) error {
	if err := os.CopyFS(dir, files); err != nil {
		return fmt.Errorf("write project: %w", err)
	}
	if options.Policy {
		if err := addPolicy(dir); err != nil {
			return fmt.Errorf("write project: %w", err)
		}
	}
	if options.MoreRPCs > 0 {
		if err := addRPCs(dir, options.MoreRPCs); err != nil {
			return fmt.Errorf("write project: %w", err)
		}
	}
	return nil
}

// addPolicy puts policy.yaml, which begins within upstreams, below sheaf.yaml.
func addPolicy(dir string) error {
	var config bytes.Buffer
	for _, name := range []string{"sheaf.yaml", "policy.yaml"} {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		config.Write(text)
	}
	return os.WriteFile(filepath.Join(dir, "sheaf.yaml"), config.Bytes(), 0o600)
}
