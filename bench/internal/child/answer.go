package child

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"
)

// Child is the side that is measured.
type Child struct {
	// Address is where it serves, Opened how long it took to get there.
	Address string
	Opened  time.Duration
	// Reload reads its configuration again; nil if it cannot.
	Reload func() error

	before  Usage
	profile *os.File
}

// Fail tells the parent that the child cannot serve.
func Fail(out io.Writer, why error) error {
	return json.NewEncoder(out).Encode(hello{Error: why.Error()})
}

// Answer says where the child serves, and answers questions until the parent asks no more, or is gone.
func (c *Child) Answer(in io.Reader, out io.Writer) error {
	encoder, decoder := json.NewEncoder(out), json.NewDecoder(bufio.NewReader(in))
	if err := encoder.Encode(hello{Address: c.Address, Opened: c.Opened}); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	for {
		var asked question
		if err := decoder.Decode(&asked); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read question: %w", err)
		}
		given, err := c.do(asked)
		if err != nil {
			given.Error = err.Error()
		}
		if err := encoder.Encode(given); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

func (c *Child) do(asked question) (answer, error) {
	switch asked.Do {
	case begin:
		return answer{}, c.begin(asked.Profile)
	case end:
		usage, err := c.end()
		return answer{Usage: usage}, err
	case reload:
		if c.Reload == nil {
			return answer{}, errors.New("reload: not known here")
		}
		started := time.Now()
		err := c.Reload()
		return answer{Took: time.Since(started)}, err
	}
	return answer{}, fmt.Errorf("unknown question %q", asked.Do)
}

// begin collects the garbage of what came before, so that each run starts alike.
func (c *Child) begin(profile string) error {
	runtime.GC()
	resetPeak()
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return fmt.Errorf("begin profile: %w", err)
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return errors.Join(fmt.Errorf("begin profile: %w", err), file.Close())
		}
		c.profile = file
	}
	before, err := now()
	c.before = before
	return err
}

func (c *Child) end() (Usage, error) {
	after, err := now()
	if err != nil {
		return Usage{}, err
	}
	if c.profile != nil {
		pprof.StopCPUProfile()
		err = c.profile.Close()
		c.profile = nil
	}
	return Usage{
		CPU: after.CPU - c.before.CPU, Allocations: after.Allocations - c.before.Allocations, Bytes: after.Bytes - c.before.Bytes,
		Collections: after.Collections - c.before.Collections, PeakRSS: after.PeakRSS,
	}, err
}

// now is what this process has taken since it started. Time is read first: what follows is not the load's.
func now() (Usage, error) {
	var taken syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &taken); err != nil {
		return Usage{}, fmt.Errorf("read CPU time: %w", err)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	peak, err := peakRSS()
	return Usage{
		CPU:         time.Duration(taken.Utime.Nano() + taken.Stime.Nano()),
		Allocations: memory.Mallocs, Bytes: memory.TotalAlloc, Collections: memory.NumGC, PeakRSS: peak,
	}, err
}

// resetPeak begins the peak anew (proc_pid_clear_refs(5)). Where that is not allowed, the peak is that of the whole life.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peakRSS is VmHWM (proc_pid_status(5)), in bytes.
func peakRSS() (uint64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("read peak of memory: %w", err)
	}
	_, rest, found := bytes.Cut(status, []byte("VmHWM:"))
	number, _, isKB := bytes.Cut(rest, []byte(" kB\n"))
	if !found || !isKB {
		return 0, errors.New("read peak of memory: /proc/self/status has no VmHWM")
	}
	kilobytes, err := strconv.ParseUint(string(bytes.TrimSpace(number)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read peak of memory: %w", err)
	}
	return kilobytes << 10, nil
}
