// Command protoimage is for feeding buf offline: it compiles directories of .proto files, with the imports that are built
// into Sheaf, into one Buf image.
package main

import (
	"fmt"
	"os"

	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/internal/source"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: protoimage OUTPUT.binpb ROOT...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "protoimage:", err)
		os.Exit(1)
	}
}

func run(output string, roots []string) error {
	set, err := source.Image(roots...)
	if err != nil {
		return err
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	if err := os.WriteFile(output, raw, 0o600); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	return nil
}
