package bff

import (
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// AuthorError says that the author's files are wrong. Its Problems name file, line and column.
type AuthorError = diag.Error
