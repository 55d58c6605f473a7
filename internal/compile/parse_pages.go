package compile

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/source"
)

const (
	defaultPageSize = 20
	defaultMaxPage  = 100
)

// merge is how the pages of several sources become one.
type merge struct {
	call              *call
	source, item      *loop
	sourceKey, failed *operand
	next, order, key  *operand
	element           *operand
	descending        bool
}

// pages parses how the RPC is paged.
func (p *parser) pages() {
	node := p.rpc.key.Value.Get("pages")
	if node == nil {
		return
	}
	message := p.rpc.message.GetPages()
	paged := &pages{
		message: message, at: source.Field{Key: "pages", KeyAt: node.Position},
		defaultSize: positive(int(message.GetDefaultSize()), defaultPageSize),
		maxSize:     positive(int(message.GetMaxSize()), defaultMaxPage), minSize: positive(int(message.GetMinSize()), 1),
	}
	if !p.pageFields(paged) {
		return
	}
	if paged.minSize > paged.maxSize {
		p.report(node, "raise max_size, or lower min_size", "min_size of %d is larger than max_size of %d", paged.minSize, paged.maxSize)
	}
	paged.defaultSize = min(max(paged.defaultSize, paged.minSize), paged.maxSize)
	next, merged := node.Get("next"), node.Get("merge")
	switch {
	case (next == nil) == (merged == nil):
		p.report(node, "write next: with where the next page begins, or merge: for several sources", "pages needs next or merge, and not both")
		return
	case next != nil:
		paged.next = p.expression(next, next.Text, 0)
	default:
		paged.merge = p.merge(merged)
	}
	p.rpc.pages = paged
}

func positive(number, otherwise int) int {
	if number > 0 {
		return number
	}
	return otherwise
}

// pageFields finds the fields that AIP-158 names.
func (p *parser) pageFields(paged *pages) bool {
	for _, wanted := range []struct {
		message protoreflect.MessageDescriptor
		name    protoreflect.Name
		kind    protoreflect.Kind
		to      *protoreflect.FieldDescriptor
	}{
		{p.rpc.method.Input(), "page_size", protoreflect.Int32Kind, &paged.size},
		{p.rpc.method.Input(), "page_token", protoreflect.StringKind, &paged.token},
		{p.rpc.method.Output(), "next_page_token", protoreflect.StringKind, &paged.nextToken},
	} {
		found := wanted.message.Fields().ByName(wanted.name)
		if found == nil || found.Kind() != wanted.kind || found.IsList() {
			p.reportKey(paged.at, "add it to the contract (AIP-158)", "%s has no field \"%s %s\"", wanted.message.FullName(), wanted.kind, wanted.name)
			return false
		}
		*wanted.to = found
	}
	return true
}

// merge parses how several sources become one list.
func (p *parser) merge(node *source.Node) *merge {
	merged := &merge{}
	if merged.source = p.loop(node.Get("each"), "each"); merged.source == nil {
		return nil
	}
	if list := merged.source.list; len(list.calls) == 1 && list.String() == p.rpc.calls[list.calls[0]].key.Key {
		merged.call = p.rpc.calls[list.calls[0]]
	}
	if merged.call == nil || merged.call.message.GetEach() == "" {
		p.report(node.Get("each"), "write each: page in NAME, where NAME is a call with each", "sources are no call with each")
		return nil
	}
	sources := p.inLoop(merged.source, node.Get("each"))
	if sources == nil {
		return nil
	}
	merged.sourceKey = sources.expression(node.Get("each"), merged.source.name+".key", 0)
	merged.failed = sources.expression(node.Get("each"), merged.source.name+`["$failed"]`, 0)
	next := node.Get("next")
	merged.next = sources.expression(next, next.Text, 0)
	if merged.item = sources.loop(node.Get("items"), "items"); merged.item == nil {
		return nil
	}
	items := sources.inLoop(merged.item, node.Get("items"))
	if items == nil {
		return nil
	}
	key, order := node.Get("key"), node.Get("order")
	merged.key = items.expression(key, key.Text, 0)
	merged.element = items.expression(node.Get("items"), merged.item.name, 0)
	text := order.Text
	if cut, found := strings.CutSuffix(text, " desc"); found {
		text, merged.descending = cut, true
	}
	merged.order = items.expression(order, strings.TrimSuffix(text, " asc"), 0)
	document := p.rpc.documents[mergedName]
	document.calls, document.message = merged.source.calls, merged.item.message
	return merged
}
