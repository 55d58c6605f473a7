package compile

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/source"
)

// partialType is the message that a contract opts in to the report of what is missing with.
const partialType protoreflect.FullName = "sheaf.v1.Partial"

// own finds everything that has two writers: a service or an RPC bound twice, a field that Sheaf fills itself. Two keys of
// one name in a file were found when it was read.
func own(d *draft) error {
	owners := map[protoreflect.FullName]*source.Node{}
	for i := range d.project.Bindings {
		node := d.project.Bindings[i].Root.Get("service")
		name := protoreflect.FullName(node.Text)
		if first := owners[name]; first != nil {
			d.report(node, "bind each service in one file", "service %s is bound already, at %s", name, first.Position)
			continue
		}
		owners[name] = node
	}
	for _, rpc := range d.rpcs {
		for _, f := range rpc.fields {
			if f.descriptor.Message() != nil && f.descriptor.Message().FullName() == partialType {
				d.reportKey(f.key, "remove it", "field %q is filled by Sheaf, with what is missing", f.path)
			}
		}
	}
	return nil
}
