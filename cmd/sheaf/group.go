package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// group makes a command of others: alone it says what there is, as sheaf does.
func group(command *cobra.Command, others ...*cobra.Command) *cobra.Command {
	names := make([]string, len(others))
	for i, other := range others {
		names[i] = command.Name() + " " + other.Name()
	}
	command.DisableFlagsInUseLine = true
	command.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("unknown command %q; write one of %s", command.Name()+" "+args[0], strings.Join(names, ", "))
		}
		return nil
	}
	command.RunE = func(command *cobra.Command, _ []string) error { return command.Help() }
	command.AddCommand(others...)
	return command
}
