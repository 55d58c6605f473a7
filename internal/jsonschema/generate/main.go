// Command generate writes the JSON Schemas of sheaf.yaml and of binding files to a directory.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/jsonschema"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run reads the vocabulary from proto, since the comments are only there.
func run(dir string) error {
	image, err := source.Image("proto")
	if err != nil {
		return err
	}
	files, err := protodesc.NewFiles(image)
	if err != nil {
		return fmt.Errorf("link vocabulary: %w", err)
	}
	for name, file := range map[string]struct{ message, title string }{
		"sheaf.schema.json":   {"sheaf.config.v1.Config", "sheaf.yaml"},
		"binding.schema.json": {"sheaf.config.v1.Binding", "A binding file of Sheaf"},
	} {
		descriptor, err := files.FindDescriptorByName(protoreflect.FullName(file.message))
		if err != nil {
			return fmt.Errorf("find %s: %w", file.message, err)
		}
		raw, err := json.MarshalIndent(jsonschema.Of(descriptor.(protoreflect.MessageDescriptor), file.title), "", "  ")
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), append(raw, '\n'), 0o644); err != nil {
			return fmt.Errorf("write schema: %w", err)
		}
	}
	return nil
}
