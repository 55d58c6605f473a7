package source

import (
	"os"
	"path/filepath"
)

// Reader reads a project's files by the paths that positions have, for printing problems; nil for what cannot be read.
func Reader(dir string) func(file string) []byte {
	return func(file string) []byte {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
		if err != nil {
			return nil
		}
		return content
	}
}
