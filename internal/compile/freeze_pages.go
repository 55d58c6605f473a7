package compile

import (
	"slices"

	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// pagedField is the path of the field that the merged list fills; empty for none.
func pagedField(fields []*field) string {
	for _, f := range fields {
		if f.loop != nil && f.loop.list.String() == mergedName || f.from != nil && f.from.String() == mergedName {
			return f.path
		}
	}
	return ""
}

// asks reports whether an expression that decides what is asked for, or where the next page begins, reads one of several
// selections.
func (r *rpc) asks(selections ...string) bool {
	operands := []*operand{r.pages.next}
	if r.pages.merge != nil {
		operands = append(operands, r.pages.merge.next)
	}
	for _, let := range r.lets {
		operands = append(operands, let.from)
	}
	for _, call := range r.calls {
		operands = append(operands, call.inputs...)
	}
	return slices.ContainsFunc(operands, func(o *operand) bool {
		return o != nil && slices.ContainsFunc(o.selections(), func(s string) bool { return slices.Contains(selections, s) })
	})
}

func (r *rpc) freezePages() *plan.Pages {
	if r.pages == nil {
		return nil
	}
	frozen := &plan.Pages{
		Size: r.pages.size, Token: r.pages.token, NextToken: r.pages.nextToken, Next: operandOf(r.pages.next), At: r.pages.at.KeyAt,
		DefaultSize: r.pages.defaultSize, MinSize: r.pages.minSize, MaxSize: r.pages.maxSize,
	}
	frozen.Counts, frozen.Numbers = r.asks("page.offset", "page.number"), r.asks("page.number")
	if merged := r.pages.merge; merged != nil {
		frozen.Merge = &plan.Merge{
			Call: merged.call.index, Sources: merged.source.freeze(), Items: merged.item.freeze(), Next: operandOf(merged.next),
			SourceKey: operandOf(merged.sourceKey), Failed: operandOf(merged.failed), Field: pagedField(r.fields),
			Element: operandOf(merged.element), Order: operandOf(merged.order), Key: operandOf(merged.key), Descending: merged.descending,
		}
	}
	return frozen
}
