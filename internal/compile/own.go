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
	owners := map[string]*source.Node{}
	for i := range d.project.Bindings {
		node := d.project.Bindings[i].Root.Get("service")
		name := d.project.Bindings[i].Message.GetName()
		owner := name + " " + node.Text
		if first := owners[owner]; first != nil {
			hint := "bind each service in one file, or give each of its bindings a name"
			if name != "" {
				hint = "choose another name"
			}
			d.report(node, hint, "service %s is bound already, at %s", node.Text, first.Position)
			continue
		}
		owners[owner] = node
	}
	return nil
}
