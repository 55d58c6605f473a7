package compile

import (
	"maps"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Extensions are what the program that embeds Sheaf adds to the language.
type Extensions struct {
	// Functions are call targets by name.
	Functions map[string]Function
	// Expressions declare functions of expressions.
	Expressions []cel.EnvOption
}

// Function is a call target in Go: what it takes and gives, by the full names of messages.
type Function struct{ Input, Output protoreflect.FullName }

func (e *Extensions) add(more Extensions) {
	if e.Functions == nil {
		e.Functions = map[string]Function{}
	}
	maps.Copy(e.Functions, more.Functions)
	e.Expressions = append(e.Expressions, more.Expressions...)
}
