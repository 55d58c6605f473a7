package child

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Process is a child as its parent sees it. It is for one goroutine.
type Process struct {
	// Address is where it serves, Opened how long it took to get there.
	Address string
	Opened  time.Duration

	command   *exec.Cmd
	questions *json.Encoder
	answers   *json.Decoder
	input     io.Closer
	said      *tail
}

// Start starts this program again with other arguments, and waits until it serves. The environment is this one's and what is in addition.
// The child ends with ctx, with Stop, and with its parent.
func Start(ctx context.Context, addition []string, arguments ...string) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	command := exec.CommandContext(ctx, program, arguments...) //nolint:gosec // it is this program
	command.Env = append(os.Environ(), addition...)
	said := &tail{}
	command.Stderr = said
	input, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	p := &Process{command: command, questions: json.NewEncoder(input), answers: json.NewDecoder(bufio.NewReader(output)), input: input, said: said}
	var first hello
	if err := p.answers.Decode(&first); err != nil {
		return nil, errors.Join(fmt.Errorf("start child %v: %w", arguments, err), p.Stop())
	}
	if first.Error != "" {
		return nil, errors.Join(fmt.Errorf("start child %v: %s", arguments, first.Error), p.Stop())
	}
	p.Address, p.Opened = first.Address, first.Opened
	return p, nil
}

// Begin begins to measure. The profile is the file for a CPU profile; empty for none.
func (p *Process) Begin(profile string) error {
	_, err := p.ask(question{Do: begin, Profile: profile})
	return err
}

// End returns what the process took since Begin.
func (p *Process) End() (Usage, error) {
	given, err := p.ask(question{Do: end})
	return given.Usage, err
}

// Reload makes the process read its configuration again, and returns how long that took.
func (p *Process) Reload() (time.Duration, error) {
	given, err := p.ask(question{Do: reload})
	return given.Took, err
}

func (p *Process) ask(asked question) (answer, error) {
	if err := p.questions.Encode(asked); err != nil {
		return answer{}, fmt.Errorf("ask child to %s: %w", asked.Do, err)
	}
	var given answer
	if err := p.answers.Decode(&given); err != nil {
		return answer{}, fmt.Errorf("ask child to %s: %w", asked.Do, err)
	}
	if given.Error != "" {
		return answer{}, fmt.Errorf("ask child to %s: %s", asked.Do, given.Error)
	}
	return given, nil
}

// Stop ends the process by ending its input, and waits for it.
func (p *Process) Stop() error {
	const patience = 10 * time.Second
	_ = p.input.Close()
	kill := time.AfterFunc(patience, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("stop child: %w; it said:\n%s", err, p.said.text)
	}
	return nil
}

// tail keeps the end of what a child writes to its standard error: its logs, which nobody needs unless it fails.
type tail struct{ text []byte }

// Write implements io.Writer.
func (t *tail) Write(text []byte) (int, error) {
	const most = 4 << 10
	t.text = append(t.text, text...)
	if surplus := len(t.text) - most; surplus > 0 {
		t.text = append(t.text[:0], t.text[surplus:]...)
	}
	return len(text), nil
}
