// Package compile is for turning what an author wrote into a plan, or into everything that is wrong with it. It works
// offline, in passes; each pass reports all of its problems, and the next one runs only if there were none.
package compile

import (
	"fmt"

	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// Dir compiles the project in a directory. The error is a *diag.Error if the author's files are wrong; any other error is
// a fault of ours or of the machine's.
func Dir(dir string, options source.Options, extensions ...Extensions) (*plan.Plan, error) {
	project, problems, err := source.Load(dir, options)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", dir, err)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return Project(project, options, extensions...)
}

// pass looks at the whole draft, adds to it, and reports what is wrong.
type pass struct {
	name string
	run  func(*draft) error
}

// passes, in their order. The first one, read, is package source.
var passes = []pass{
	{"resolve", resolve},
	{"parse", parse},
	{"policy", parsePolicy},
	{"internal", parseInternal},
	{"own", own},
	{"link", link},
	{"type", checkTypes},
	{"presence", checkPresence},
	{"routes", parseRoutes},
	{"order", order},
	{"commit", checkCommit},
	{"bounds", checkBounds},
}

// Project compiles a project that has been read. The error is as of Dir.
func Project(project *source.Project, options source.Options, extensions ...Extensions) (*plan.Plan, error) {
	d := &draft{project: project, options: options}
	d.types = dynamicpb.NewTypes(d.files())
	for _, more := range extensions {
		d.extensions.add(more)
	}
	for _, pass := range passes {
		if err := pass.run(d); err != nil {
			return nil, fmt.Errorf("compile: %s: %w", pass.name, err)
		}
		d.problems.Sort()
		if err := d.problems.Err(); err != nil {
			return nil, err
		}
	}
	return freeze(d)
}

// draft is a plan in the making. Each pass adds what it finds out.
type draft struct {
	project  *source.Project
	options  source.Options
	problems diag.Problems
	rpcs     []*rpc
	// errors are the error rules of each upstream.
	errors map[string]*upstreamRules
	// policy is nil for none.
	policy *plan.Policy
	// routes are in the order of the file.
	routes []*route
	// internal are the RPCs of the internal listener, by their full names.
	internal map[string]bool
	// types are the contract's messages.
	types projection.Resolver
	// extensions are what the program around adds to the language.
	extensions Extensions
}

// report adds a problem at a node.
func (d *draft) report(at *source.Node, hint, format string, args ...any) {
	d.problems.Add(at.Position, len(at.Text), hint, format, args...)
}

// reportOperand adds a problem at an expression.
func (d *draft) reportOperand(o *operand, hint, format string, args ...any) {
	d.problems.Add(o.at.At(o.offset), o.width, hint, format, args...)
}

// reportKey adds a problem at the key of a field.
func (d *draft) reportKey(field source.Field, hint, format string, args ...any) {
	d.problems.Add(field.KeyAt, len(field.Key), hint, format, args...)
}
