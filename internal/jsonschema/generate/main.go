// Command generate writes the JSON Schemas of sheaf.yaml, of binding files and of files of accounts to a directory.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sheaf-rpc/sheaf/internal/jsonschema"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: generate IMAGE.binpb DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run reads the vocabulary from an image and not from its Go package, since comments are only there.
func run(image, dir string) error {
	files, err := read(image)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	config := jsonschema.Vocabulary{Title: "sheaf.yaml", Environment: true}
	if err := write(files, "sheaf.config.v1.Config", config, filepath.Join(dir, "sheaf.schema.json")); err != nil {
		return err
	}
	accounts := jsonschema.Vocabulary{Title: "A file of accounts", Environment: true}
	if err := write(files, "sheaf.config.v1.AccountFile", accounts, filepath.Join(dir, "accounts.schema.json")); err != nil {
		return err
	}
	binding := jsonschema.Vocabulary{Title: "A binding file of Sheaf"}
	return write(files, "sheaf.config.v1.Binding", binding, filepath.Join(dir, "binding.schema.json"))
}

func read(image string) (*protoregistry.Files, error) {
	raw, err := os.ReadFile(image)
	if err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(raw, set); err != nil {
		return nil, fmt.Errorf("decode image: %w", err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("link image: %w", err)
	}
	return files, nil
}

func write(files *protoregistry.Files, message protoreflect.FullName, vocabulary jsonschema.Vocabulary, path string) error {
	descriptor, err := files.FindDescriptorByName(message)
	if err != nil {
		return fmt.Errorf("find %s: %w", message, err)
	}
	vocabulary.Message = descriptor.(protoreflect.MessageDescriptor)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // patterns hold &
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(vocabulary.Schema()); err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write schema: %w", err)
	}
	return nil
}
