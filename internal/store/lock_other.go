//go:build !unix || solaris || aix

package store

import (
	"errors"
	"os"
)

// lockFile is not there on this system, so that renewed secrets cannot be kept in a file.
func lockFile(*os.File) (bool, error) { return false, errors.ErrUnsupported }
