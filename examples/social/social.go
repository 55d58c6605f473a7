// Package social is for starting the social example from a program: its files, embedded.
package social

import (
	"embed"
	"io/fs"
)

//go:embed sheaf.yaml accounts.yaml proto bindings
var files embed.FS

// Files are the example's files: sheaf.yaml, accounts.yaml, proto and bindings.
func Files() fs.FS { return files }
