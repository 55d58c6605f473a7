package compile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"regexp"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/source"
)

// environmentHole is a hole of a binding that is filled from the environment.
var environmentHole = regexp.MustCompile(`\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}`)

// digest is a fingerprint of all that a plan is made from: the files without comments and form, and what the environment
// fills into them. Secrets are not part of it, only where they are.
func (d *draft) digest() (string, error) {
	sum := sha256.New()
	digestNode(sum, d.project.ConfigFile.Root)
	if d.project.Accounts != nil {
		digestNode(sum, d.project.Accounts.Root)
	}
	for _, binding := range d.project.Bindings {
		digestNode(sum, binding.Root)
		d.digestEnvironment(sum, binding.Text)
	}
	if err := d.digestContract(sum); err != nil {
		return "", err
	}
	const enough = 16 // bytes
	return hex.EncodeToString(sum.Sum(nil)[:enough]), nil
}

func digestNode(sum hash.Hash, node *source.Node) {
	_, _ = fmt.Fprintf(sum, "%d %q %d %d\n", node.Kind, node.Text, len(node.Fields), len(node.Items))
	for _, field := range node.Fields {
		_, _ = fmt.Fprintf(sum, "%q\n", field.Key)
		digestNode(sum, field.Value)
	}
	for _, item := range node.Items {
		digestNode(sum, item)
	}
}

func (d *draft) digestEnvironment(sum hash.Hash, text []byte) {
	if d.options.LookupEnv == nil {
		return
	}
	for _, hole := range environmentHole.FindAllSubmatch(text, -1) {
		value, ok := d.options.LookupEnv(string(hole[1]))
		_, _ = fmt.Fprintf(sum, "%q %q %v\n", hole[1], value, ok)
	}
}

func (d *draft) digestContract(sum hash.Hash) error {
	var files []protoreflect.FileDescriptor
	d.project.Contract.Files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		files = append(files, file)
		return true
	})
	slices.SortFunc(files, func(a, b protoreflect.FileDescriptor) int { return cmp.Compare(a.Path(), b.Path()) })
	for _, file := range files {
		message := protodesc.ToFileDescriptorProto(file)
		message.SourceCodeInfo = nil // comments and places
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil {
			return fmt.Errorf("digest %s: %w", file.Path(), err)
		}
		_, _ = fmt.Fprintf(sum, "%q %d\n", file.Path(), len(raw))
		_, _ = sum.Write(raw) // a hash takes everything
	}
	return nil
}
