package main

import (
	"github.com/spf13/cobra"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

func newPlan(p process) *cobra.Command {
	var format string
	command := &cobra.Command{
		Use:   "plan DIR [RPC]",
		Short: "Print what a project's RPCs do",
		Long: `Print the plan that serve would run: the calls of each RPC, what waits for what, timeouts, where each field comes from,
and the largest number of upstream calls.`,
		Args: arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			compiled, err := compileOffline(p, args[0])
			if err != nil {
				return asAuthorError(err, args[0], diag.Text)
			}
			chosen, err := compiled.Choose(append(args, "")[1])
			if err != nil {
				return err
			}
			switch format {
			case "text":
				if len(args) == 1 {
					if err := compiled.WriteIdentity(p.stdout); err != nil {
						return err
					}
				}
				return plan.WriteText(p.stdout, chosen)
			case "mermaid":
				return plan.WriteMermaid(p.stdout, chosen)
			default:
				return checkFormat(format, "text", "mermaid")
			}
		},
	}
	command.Flags().StringVar(&format, "format", "text", "how to print the plan: text or mermaid")
	return command
}
