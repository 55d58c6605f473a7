package child

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// TestAnswer asks a child in this process, over pipes.
func TestAnswer(t *testing.T) {
	t.Parallel()
	questionsRead, questions := io.Pipe()
	answers, answersWritten := io.Pipe()
	done := make(chan error, 1)
	reloads := 0
	go func() {
		c := &Child{Address: "127.0.0.1:1", Opened: 7, Reload: func() error { reloads++; return nil }}
		done <- c.Answer(questionsRead, answersWritten)
	}()
	process := &Process{questions: json.NewEncoder(questions), answers: json.NewDecoder(answers)}
	var first hello
	if err := process.answers.Decode(&first); err != nil || first.Address != "127.0.0.1:1" || first.Opened != 7 {
		t.Fatalf("hello = %+v, error %v", first, err)
	}
	if err := process.Begin(""); err != nil {
		t.Fatal(err)
	}
	garbage := make([][]byte, 1000)
	for i := range garbage {
		garbage[i] = make([]byte, 1<<10)
	}
	usage, err := process.End()
	if err != nil || usage.Allocations < 1000 || usage.Bytes < 1000<<10 || usage.CPU <= 0 || usage.PeakRSS < 1<<20 {
		t.Errorf("usage = %+v after %d pieces, error %v", usage, len(garbage), err)
	}
	if _, err := process.Reload(); err != nil || reloads != 1 {
		t.Errorf("%d reloads, error %v", reloads, err)
	}
	if _, err := process.ask(question{Do: "dance"}); err == nil || !strings.Contains(err.Error(), "dance") {
		t.Errorf("error = %v", err)
	}
	if err := questions.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	var said tail
	for range 1000 {
		_, _ = io.WriteString(&said, "0123456789")
	}
	if _, _ = io.WriteString(&said, "end"); len(said.text) != 4<<10 || !strings.HasSuffix(string(said.text), "789end") {
		t.Errorf("%d bytes that end in %q", len(said.text), said.text[len(said.text)-8:])
	}
}
