package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

func newPolicy(p process) *cobra.Command {
	return group(&cobra.Command{Use: "policy", Short: "Test who may call what"}, newPolicyTest(p))
}

func newPolicyTest(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "test DIR [FILE]",
		Short: "Test a project's policy, offline",
		Long: `Ask the policy of a project for decisions, and compare them with those that FILE expects. FILE is relative to DIR; without one it
is policy_test.yaml. Nothing is sent anywhere. What no test is about is told, too.`,
		Args: arguments(1, 2),
		RunE: func(command *cobra.Command, args []string) error {
			return testPolicy(command.Context(), p, append(args, "policy_test.yaml"))
		},
	}
}

// testPolicy takes the directory and the file, and whatever is behind them.
func testPolicy(ctx context.Context, p process, args []string) error {
	dir, file := args[0], args[1]
	report, err := bff.TestPolicy(ctx, dir, file, bff.WithLookupEnv(p.lookupEnv))
	if err != nil {
		return asAuthorError(err, dir, diag.Text)
	}
	for _, rpc := range report.UntestedRPCs {
		fmt.Fprintf(p.stdout, "no test is about RPC %s\n", rpc)
	}
	for _, rule := range report.UntestedRules {
		fmt.Fprintf(p.stdout, "no test is decided by %s\n", rule)
	}
	if report.Failed != nil {
		return asAuthorError(report.Failed, dir, diag.Text)
	}
	fmt.Fprintf(p.stdout, "%s: %s, all as expected\n", filepath.Join(dir, file), counted(report.Tests, "test"))
	return nil
}
