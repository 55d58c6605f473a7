// Command bench measures Sheaf beside what one would use or write instead, and prints a table of ratios. README.md says what is measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, in io.Reader, out, progress io.Writer) error {
	if len(arguments) > 0 && arguments[0] == "serve" {
		return serveChild(ctx, arguments[1:], in, out)
	}
	chosen, err := parseOptions(arguments, progress)
	if err != nil {
		return err
	}
	return measure(ctx, chosen, out, progress)
}
