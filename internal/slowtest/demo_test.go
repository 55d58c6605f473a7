//go:build slow

package slowtest_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const grpcurl = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4"

// TestDemo starts sheaf demo the way a newcomer does, and pastes every command that it prints into a shell.
func TestDemo(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sheaf")
	runCommand(t, nil, "go", "build", "-o", binary, "../../cmd/sheaf")
	path := toolPath(t)
	demo := exec.Command(binary, "demo", "--listen", "127.0.0.1:0")
	demo.Stderr = os.Stderr
	output, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = demo.Process.Kill() })
	lines := commandLines(bufio.NewScanner(output))
	const printed = 4
	if len(lines) != printed {
		t.Fatalf("demo printed %d commands, want %d: %q", len(lines), printed, lines)
	}
	for _, line := range lines {
		answer := runCommand(t, []string{"PATH=" + path}, "bash", "-c", line)
		if !strings.Contains(answer, "Enamel mug") && !strings.Contains(answer, "Ring twice.") {
			t.Errorf("%s\nanswered %s", line, answer)
		}
	}
	if err := demo.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := demo.Wait(); err != nil {
		t.Errorf("demo ended with %v", err)
	}
}

// commandLines are the indented lines up to the last one of the welcome.
func commandLines(scanner *bufio.Scanner) []string {
	var lines []string
	for scanner.Scan() {
		line := scanner.Text()
		if strings.HasPrefix(line, "  ") {
			lines = append(lines, strings.TrimSpace(line))
		}
		if strings.HasPrefix(line, "Start it again") {
			break
		}
	}
	return lines
}

// toolPath is a PATH with buf, which make builds, and grpcurl, which is built here once.
func toolPath(t *testing.T) string {
	t.Helper()
	bin, err := filepath.Abs("../../.tmp/bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, "buf")); err != nil {
		t.Fatalf("buf is not built; run make slowtest: %v", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "sheaf", "grpcurl-1.9.4")
	if _, err := os.Stat(filepath.Join(dir, "grpcurl")); err != nil {
		runCommand(t, []string{"GOBIN=" + dir, "GOFLAGS="}, "go", "install", grpcurl)
	}
	return bin + ":" + dir + ":" + os.Getenv("PATH")
}

func runCommand(t *testing.T, environment []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), environment...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
	return string(output)
}
