package plan

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// Pages is how an RPC is paged (AIP-158).
type Pages struct {
	// Size and Token are fields of the request, NextToken of the response.
	Size, Token, NextToken protoreflect.FieldDescriptor
	// DefaultSize holds where the request asks for none; MinSize and MaxSize bound it.
	DefaultSize, MinSize, MaxSize int
	// Next is where the next page begins; nil if Merge is not.
	Next  projection.Operand
	Merge *Merge
	// Counts is set if expressions ask for the page's offset or number, so that what Next gives has to be a whole number;
	// Numbers if they ask for the number, so that all pages have to be of one size.
	Counts, Numbers bool
	At              diag.Position
}

// Merge makes one ordered list of the lists of several sources.
type Merge struct {
	// Call is the index of the call whose entries are the sources.
	Call int
	// Sources goes over the entries, and Items over the elements of one.
	Sources, Items *projection.Loop
	// SourceKey, Failed and Next are a source's, Element, Order and Key an element's. Failed is missing unless the source has
	// failed, and then whether it may answer later.
	SourceKey, Failed, Next, Element, Order, Key projection.Operand
	Descending                                   bool
	// Field is the path of the response field that the list fills; empty if none does as a whole.
	Field string
}

// Requirement is a condition on a request.
type Requirement struct {
	That, Message projection.Operand
	// Field is the request field at fault, and Reason is for programs; both may be empty.
	Field, Reason string
	At            diag.Position
}
