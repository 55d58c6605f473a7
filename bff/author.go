package bff

import (
	"fmt"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// AuthorError says that the author's files are wrong. Its Problems name file, line and column.
type AuthorError = diag.Error

// putThere is the cure of a file or a secret that is not where it should be.
const putThere = "put it there, then start again"

// problemAt is the error of a setting that cannot be used.
func problemAt(at diag.Position, hint string, err error) error {
	var problems diag.Problems
	problems.Add(at, 0, hint, "%v", err)
	return fmt.Errorf("read settings: %w", problems.Err())
}
