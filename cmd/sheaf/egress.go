package main

import (
	"github.com/spf13/cobra"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

func newEgress(p process) *cobra.Command {
	var format string
	command := &cobra.Command{
		Use:   "egress DIR",
		Short: "Print all that a project can send to upstreams",
		Long: `Print the whole outbound surface of a project, for a security review or a network policy: each upstream with its address,
its network and what signs requests, where connections go and whom they trust, and every method and path. Nothing else leaves.`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			compiled, err := compileOffline(p, args[0])
			if err != nil {
				return asAuthorError(err, args[0], diag.Text)
			}
			switch format {
			case "text":
				return plan.WriteEgress(p.stdout, compiled.Egress())
			case "json":
				return writeJSON(p, compiled.Egress())
			default:
				return checkFormat(format, "text", "json")
			}
		},
	}
	command.Flags().StringVar(&format, "format", "text", "how to print it: text or json")
	return command
}
