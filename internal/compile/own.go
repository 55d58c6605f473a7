package compile

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/source"
)

// partialType is the message that a contract opts in to the report of what is missing with.
const partialType protoreflect.FullName = "sheaf.v1.Partial"

// own finds services with two writers. Two keys of one name in a file were found when it was read, so within a binding
// each field has one source by its form.
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
	return nil
}
