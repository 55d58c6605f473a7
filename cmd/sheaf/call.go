package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

func newCall(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "call DIR RPC [JSON]",
		Short: "Run one RPC of a project, and show how its answer came about",
		Long: `Run one RPC in process, without listening, against the project's real upstreams. The response goes to stdout; what is
missing, and what each call took, to stderr. The request is JSON; "-" reads it from stdin. Without one it is {}.`,
		Example: `  sheaf call examples/storefront GetProduct '{"productId": "p-100"}'`,
		Args:    arguments(2, 3),
		RunE: func(command *cobra.Command, args []string) error {
			request, err := readRequest(p, args[2:])
			if err != nil {
				return err
			}
			return withTelemetry(command.Context(), p, func(options []bff.Option, _ *slog.Logger) error {
				return call(command.Context(), p, args[0], args[1], request, options)
			})
		},
	}
}

func readRequest(p process, args []string) ([]byte, error) {
	switch {
	case len(args) == 0:
		return []byte("{}"), nil
	case args[0] != "-":
		return []byte(args[0]), nil
	}
	request, err := io.ReadAll(p.stdin)
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	return request, nil
}

func call(ctx context.Context, p process, dir, rpc string, request []byte, options []bff.Option) error {
	server, err := bff.Open(dir, options...)
	if err != nil {
		return asAuthorError(err, dir, diag.Text)
	}
	defer server.Close()
	report, err := server.Call(ctx, rpc, request)
	if err != nil {
		return describe(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, report.Response, "", "  "); err != nil {
		return fmt.Errorf("write response: %w", err)
	}
	fmt.Fprintln(p.stdout, indented.String())
	return writeReport(p.stderr, report)
}

// describe shows an RPC's error with the details that a client would get.
func describe(err error) error {
	failure, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s", failure.Code(), failure.Message())
	for _, detail := range failure.Details() {
		value, err := detail.Value()
		if err != nil {
			continue
		}
		fmt.Fprintf(&text, "\n  %s %s", detail.Type(), protojson.MarshalOptions{}.Format(value))
	}
	return errors.New(text.String())
}

func writeReport(w io.Writer, report *bff.CallReport) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "call\tstarted\ttook\tresult\t")
	for _, call := range report.Calls {
		result := strconv.Itoa(call.Status)
		switch {
		case call.Failure != nil:
			result = call.Failure.Error()
		case call.Absent:
			result += " absent"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t\n", call.Name, rounded(call.Started), rounded(call.Duration), result)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	for _, missing := range report.Partial.GetMissingCalls() {
		fmt.Fprintf(w, "missing: call %s, fields %v: %s\n", missing.GetCall(), missing.GetFields(), missing.GetCode())
	}
	for _, drift := range report.Drifts {
		found := drift.Found
		if drift.Sample != "" {
			found += " such as " + drift.Sample
		}
		fmt.Fprintf(w, "drift: field %s from %s of %s: expected %s, found %s (%s)\n",
			drift.Field, drift.Origin, cmp.Or(drift.Upstream(), "the request"), drift.Expected, found, drift.At)
	}
	return nil
}

func rounded(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
