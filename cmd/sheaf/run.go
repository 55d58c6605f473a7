package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// The exit statuses.
const (
	statusOK = 0
	// statusOurs: something went wrong that is not in the author's files.
	statusOurs = 1
	// statusAuthor: the author's files are wrong.
	statusAuthor = 100
)

// process is what a command has of the process it runs in.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)
	// hangups begins to take SIGHUP, which otherwise ends the process, until stop; nil where there is none.
	hangups func() (hangups <-chan os.Signal, stop func())
}

// run runs the command line and returns the exit status.
func run(ctx context.Context, args []string, p process) int {
	root := newRoot(p)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return statusOK
	}
	if wrong, ok := errors.AsType[*authorError](err); ok {
		if err := wrong.write(p); err != nil {
			fmt.Fprintln(p.stderr, "sheaf:", err)
		}
		return statusAuthor
	}
	fmt.Fprintln(p.stderr, "sheaf:", err)
	return statusOurs
}

func newRoot(p process) *cobra.Command {
	root := &cobra.Command{
		Use:   "sheaf",
		Short: "Glue REST APIs into one typed contract",
		Long: `Sheaf serves an API that is written in Protobuf from REST services behind it.

A project is a directory with sheaf.yaml, a contract (.proto files) and bindings (YAML files that say where each part of
an answer comes from). Begin with "sheaf demo".

Exit status: 0, or 100 if the project's files are wrong, or 1 if anything else went wrong.`,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.AddCommand(newServe(p), newCheck(p), newPlan(p), newEgress(p), newCall(p), newPolicy(p), newKeys(p), newDemo(p), newVersion(p))
	return root
}

// arguments checks how many there are, and says what they should be.
func arguments(least, most int) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return fmt.Errorf("%s: got %s; write: %s", command.Name(), counted(len(args), "argument"), command.UseLine())
		}
		return nil
	}
}

// authorError says that a project's files are wrong, and how to print that.
type authorError struct {
	dir    string
	format diag.Format
	cause  *diag.Error
}

// Error is the first problem.
func (e *authorError) Error() string { return e.cause.Error() }

// asAuthorError marks an error that is an author's, so that it is printed as problems.
func asAuthorError(err error, dir string, format diag.Format) error {
	if wrong, ok := errors.AsType[*diag.Error](err); ok {
		return &authorError{dir: dir, format: format, cause: wrong}
	}
	return err
}

// inRepository are problems with files as they stand below the directory that the command runs in, which in a workflow is
// the repository's.
func inRepository(problems diag.Problems, dir string) diag.Problems {
	moved := slices.Clone(problems)
	for i := range moved {
		moved[i].Position.File = path.Join(filepath.ToSlash(dir), moved[i].Position.File)
	}
	return moved
}

// write prints the problems: for people on stderr, for programs on stdout.
func (e *authorError) write(p process) error {
	out := p.stderr
	if e.format != diag.Text {
		out = p.stdout
	}
	problems := e.cause.Problems
	if e.format == diag.GitHub {
		problems = inRepository(problems, e.dir)
	}
	if err := problems.Write(out, e.format, source.Reader(e.dir)); err != nil {
		return err
	}
	if e.format == diag.Text {
		fmt.Fprintf(out, "\n%s\n", counted(len(e.cause.Problems), "problem"))
	}
	return nil
}

// checkFormat refuses a format that is none of those that a command prints.
func checkFormat(format string, known ...string) error {
	if slices.Contains(known, format) {
		return nil
	}
	return fmt.Errorf("unknown format %q; write one of %s", format, strings.Join(known, ", "))
}

func writeJSON(p process, value any) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
