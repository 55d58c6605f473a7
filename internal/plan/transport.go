package plan

import (
	"time"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// Balance spreads requests over several addresses.
type Balance struct {
	// Addresses are as host:port, in the order of the file.
	Addresses   []string
	LeastLoaded bool
	Ejection    Ejection
	HealthCheck *HealthCheck // nil for none
}

// Ejection says when an address that fails is left out for a while.
type Ejection struct {
	Failures int
	For      time.Duration
	MaxShare float64
}

// HealthCheck says how addresses are asked whether they are well.
type HealthCheck struct {
	// Get is the path below the base URL, with its query.
	Get            string
	Every, Timeout time.Duration
	Threshold      int
}

// TLS says whom to trust, and who we are.
type TLS struct {
	// CA holds the authorities; Certificate is ours, and Key its key.
	CA, Certificate, Key File
	// Pins are sha256/BASE64 of public keys.
	Pins       []string
	ServerName string
}

// File is a file that is read when a server starts; the zero File is none.
type File struct {
	Path string
	At   diag.Position
}
