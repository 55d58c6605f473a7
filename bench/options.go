package main

import (
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sheaf-rpc/sheaf/bench/internal/cases"
)

// options are what the command line says.
type options struct {
	rounds     int
	length     time.Duration // of one run
	cases      []cases.Case
	subjects   []subject
	cpuProfile string // a directory; empty for none
	json       string // a file; empty for none
}

func parseOptions(arguments []string, stderr io.Writer) (*options, error) {
	const usual = 10
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	o := &options{}
	flags.IntVar(&o.rounds, "rounds", usual, "how often each subject runs in each case, in turn")
	seconds := flags.Float64("seconds", 2, "how long one run takes")
	wanted := flags.String("cases", "", "the cases that are run, as a regular expression (default all)")
	names := flags.String("subjects", "", "the subjects that take part, as names with commas between them (default all)")
	quick := flags.Bool("quick", false, "one short round, to see that everything works")
	flags.StringVar(&o.cpuProfile, "cpuprofile", "", "a directory for CPU profiles of the subjects' processes, one of each run")
	flags.StringVar(&o.json, "json", "", "a file for the results of each run")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	o.length = time.Duration(*seconds * float64(time.Second))
	if *quick {
		const short = 100 * time.Millisecond
		o.rounds, o.length = 1, short
	}
	if o.rounds < 1 || o.length <= 0 {
		return nil, fmt.Errorf("%d rounds of %s measure nothing", o.rounds, o.length)
	}
	if err := o.chooseCases(*wanted); err != nil {
		return nil, err
	}
	return o, o.chooseSubjects(*names)
}

func (o *options) chooseCases(expression string) error {
	wanted, err := regexp.Compile(expression)
	if err != nil {
		return fmt.Errorf("-cases: %w", err)
	}
	for _, c := range cases.All() {
		if wanted.MatchString(c.Name) {
			o.cases = append(o.cases, c)
		}
	}
	if len(o.cases) == 0 {
		return fmt.Errorf("-cases: no case fits %q", expression)
	}
	return nil
}

func (o *options) chooseSubjects(names string) error {
	if names == "" {
		o.subjects = subjects()
		return nil
	}
	for name := range strings.SplitSeq(names, ",") {
		found, ok := find(name)
		if !ok {
			return fmt.Errorf("-subjects: unknown subject %q", name)
		}
		if !slices.ContainsFunc(o.subjects, func(s subject) bool { return s.name == name }) {
			o.subjects = append(o.subjects, found)
		}
	}
	return nil
}

// method says how everything is measured.
func (o *options) method() string {
	return fmt.Sprintf("Each subject is a process of its own, measured for %s in each of %d rounds, in turn; every round begins with another one. "+
		"Figures are medians over rounds with quartiles; ratios are taken within each round.", o.length, o.rounds)
}
