package compile

import (
	"slices"

	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// Names of an RPC that are no documents.
const (
	requestName   = "request"
	nowName       = "now"
	remainingName = "remaining"
	callerName    = "caller"
	rpcName       = "rpc"
)

// mergedName is the list that the pages of several sources became.
const mergedName = "page.items"

// declareDocuments declares what names of an RPC stand for JSON documents.
func (r *rpc) declareDocuments() {
	places := plan.Documents{Calls: len(r.calls)}
	r.documents = map[string]*document{
		"account":  {index: places.Account(), shape: projection.NewShape()},
		callerName: {index: places.Caller(), shape: projection.NewShape()},
	}
	var warned []int
	for i, call := range r.calls {
		own := []int{i}
		given := &document{index: i, shape: projection.NewShape(), calls: own}
		switch {
		case call.message.GetEach() != "":
			given.entry = &entry{}
			if call.callee != nil {
				given.entry.value = call.callee.output
			}
		case call.callee != nil:
			given.message = call.callee.output
		}
		r.documents[call.key.Key] = given
		r.documents["answers."+call.key.Key] = &document{index: places.Meta(i), shape: projection.NewShape(), calls: own}
		call.answer = &document{index: places.Answer(), shape: projection.NewShape()}
		if call.message.GetWarning() != "" {
			warned = append(warned, i)
		}
	}
	if warned != nil {
		r.documents["warnings"] = &document{index: places.Warnings(), shape: projection.NewShape(), calls: warned}
	}
	if r.message.GetPages() != nil {
		r.documents["page"] = &document{index: places.Page(), shape: projection.NewShape()}
		if r.message.GetPages().GetMerge() != nil {
			r.documents[mergedName] = &document{index: places.Items(), shape: projection.NewShape(), list: true}
		}
	}
}

// documentAt is the document that a path begins in, and how many of its steps belong to the document's name.
func (p *parser) documentAt(path expr.Path) (*document, int) {
	if p.call != nil && path.Root == answerName {
		return p.call.answer, 0
	}
	if len(path.Steps) > 0 && path.Steps[0].Index < 0 {
		if found := p.rpc.documents[path.Root+"."+path.Steps[0].Key]; found != nil {
			return found, 1
		}
	}
	return p.rpc.documents[path.Root], 0
}

// documentNamed is the document of a name as CEL knows it.
func (p *parser) documentNamed(name string) *document {
	if p.call != nil && name == answerName {
		return p.call.answer
	}
	return p.rpc.documents[name]
}

// letNamed is a name of let that stands before the place at hand, or nil.
func (r *rpc) letNamed(name string) *let {
	if i := slices.IndexFunc(r.lets, func(l *let) bool { return l.name == name }); i >= 0 {
		return r.lets[i]
	}
	return nil
}

const answerName = "answer"
