package livefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// state tells one content of a file from the next: another file behind the same links, or the same file written again. The zero state is of no
// file.
type state struct {
	target string
	info   os.FileInfo
}

// stateOf looks at what a path leads to.
func stateOf(path string) (state, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return state{}, unless(err)
	}
	info, err := os.Stat(target)
	switch {
	case err != nil:
		return state{}, unless(err)
	case !info.Mode().IsRegular():
		return state{target, info}, errors.New(path + " is no regular file")
	}
	return state{target, info}, nil
}

// unless is an error, unless it says that there is no file.
func unless(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s state) is(other state) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil
	}
	return s.target == other.target && os.SameFile(s.info, other.info) && s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime())
}
