package source

import (
	"fmt"
	"os"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// descriptorSet reads a self-contained FileDescriptorSet, such as protoc's or a Buf image.
func (l *loader) descriptorSet(at *Node, path string) (*Contract, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read contract: %w", err)
	}
	const hint = "make it with buf build -o contract.binpb, or protoc --include_imports --descriptor_set_out"
	set, ok := parseSet(content)
	if !ok {
		l.problems.Add(at.Position, at.width(), hint, "%s is no descriptor set", at.Text)
		return nil, nil
	}
	files, incomplete := protodesc.NewFiles(set)
	if incomplete != nil {
		l.problems.Add(at.Position, at.width(), hint, "%s is not complete: %v", at.Text, incomplete)
		return nil, nil
	}
	contract := &Contract{Files: files}
	for _, file := range set.GetFile() {
		if isImport(file) {
			continue
		}
		linked, err := files.FindFileByPath(file.GetName())
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", file.GetName(), err)
		}
		for i := range linked.Services().Len() {
			contract.Services = append(contract.Services, linked.Services().Get(i))
		}
	}
	sortServices(contract.Services)
	return contract, nil
}

func parseSet(content []byte) (*descriptorpb.FileDescriptorSet, bool) {
	var set descriptorpb.FileDescriptorSet
	err := proto.Unmarshal(content, &set)
	return &set, err == nil && len(set.GetFile()) > 0
}

// The fields by which a Buf image says more of a file than a descriptor set does (buf.alpha.image.v1): an extension of
// FileDescriptorProto, and in it whether the file is only imported.
const (
	imageExtension protowire.Number = 8042
	imageIsImport  protowire.Number = 1
)

// isImport reports whether a Buf image marks a file as one that is only imported. A plain descriptor set marks nothing.
func isImport(file *descriptorpb.FileDescriptorProto) bool {
	value, ok := findField(file.ProtoReflect().GetUnknown(), imageExtension)
	if !ok {
		return false
	}
	marked, ok := findField(value, imageIsImport)
	return ok && marked[0] == 1
}

// findField is the payload of a field in wire bytes.
func findField(raw []byte, number protowire.Number) ([]byte, bool) {
	for len(raw) > 0 {
		found, wire, tag := protowire.ConsumeTag(raw)
		if tag < 0 {
			return nil, false
		}
		size := protowire.ConsumeFieldValue(found, wire, raw[tag:])
		if size < 0 {
			return nil, false
		}
		value := raw[tag : tag+size]
		if found == number {
			if wire == protowire.BytesType {
				value, _ = protowire.ConsumeBytes(value)
			}
			return value, len(value) > 0
		}
		raw = raw[tag+size:]
	}
	return nil, false
}
