// Package storefront is for starting the storefront example from a program: its files, embedded.
package storefront

import (
	"embed"
	"io/fs"
)

//go:embed sheaf.yaml proto bindings
var files embed.FS

// Files are the example's files: sheaf.yaml, proto and bindings.
func Files() fs.FS { return files }
