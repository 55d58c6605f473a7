package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

func newCheck(p process) *cobra.Command {
	var format string
	var maxCalls int
	command := &cobra.Command{
		Use:   "check DIR",
		Short: "Check a project's files, offline",
		Long: `Check everything that serve would: contract, bindings and sheaf.yaml. Nothing is sent anywhere, and environment
variables that sheaf.yaml reads need not be set.`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			chosen, err := parseFormat(format)
			if err != nil {
				return err
			}
			compiled, err := compileOffline(p, args[0])
			if err != nil {
				return asAuthorError(err, args[0], chosen)
			}
			if problems := tooManyCalls(compiled, maxCalls); problems != nil {
				return asAuthorError(problems.Err(), args[0], chosen)
			}
			if chosen == diag.JSON {
				return diag.Problems(nil).Write(p.stdout, chosen, nil)
			}
			fmt.Fprintf(p.stdout, "%s: no problems; %s of %s\n", args[0],
				counted(countRPCs(compiled), "RPC"), counted(len(compiled.Services), "service"))
			return nil
		},
	}
	command.Flags().StringVar(&format, "format", string(diag.Text), "how to print problems: text, json or github")
	command.Flags().IntVar(&maxCalls, "max-calls", 0, "fail if an RPC can cause more upstream calls than this; 0 for no bound")
	return command
}

// tooManyCalls are the RPCs that can cause more upstream calls than is allowed.
func tooManyCalls(compiled *plan.Plan, most int) diag.Problems {
	var problems diag.Problems
	for _, service := range compiled.Services {
		for _, rpc := range service.RPCs {
			if number := rpc.MaxCalls(); most > 0 && number > most {
				problems.Add(rpc.At, len(rpc.Method.Name()), "lower max of a call with each, poll or retry; sheaf plan shows them",
					"RPC %s can cause %d upstream calls; the most is %d", rpc.Name(), number, most)
			}
		}
	}
	return problems
}

func parseFormat(name string) (diag.Format, error) {
	var known []string
	for _, format := range diag.Formats {
		known = append(known, string(format))
	}
	return diag.Format(name), checkFormat(name, known...)
}

// compileOffline compiles a project where it need not be served.
func compileOffline(p process, dir string) (*plan.Plan, error) {
	return compile.Dir(dir, source.Options{LookupEnv: p.lookupEnv, AllowUnsetEnv: true})
}

func countRPCs(compiled *plan.Plan) int {
	count := 0
	for _, service := range compiled.Services {
		count += len(service.RPCs)
	}
	return count
}
