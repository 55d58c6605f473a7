// Command server is the program under test of the Connect conformance suite: Sheaf, with the suite's own service bound to
// the suite's reference server. It reads one request from standard input and answers on standard output, each with its
// length before it, and ends with SIGTERM.
//
//	server REFERENCESERVER PROTO_DIRECTORY PROJECT_DIRECTORY
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sheaf-rpc/sheaf/bff"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		slog.Error("serve the conformance suite", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	if len(arguments) != 3 {
		return errors.New("usage: server REFERENCESERVER PROTO_DIRECTORY PROJECT_DIRECTORY")
	}
	limit, err := readRequest(os.Stdin)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	address, ended, err := startReference(ctx, arguments[0])
	if err != nil {
		cancel()
		return err
	}
	defer func() {
		cancel()
		<-ended
	}()
	environment := map[string]string{
		"CONFORMANCE_PROTO": arguments[1], "REFERENCE_URL": "http://" + address, "RECEIVE_LIMIT": strconv.FormatUint(limit, 10) + "B",
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1}))
	server, err := bff.Open(arguments[2], bff.WithLogger(logger), bff.WithLookupEnv(func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	}))
	if err != nil {
		return err
	}
	defer server.Close()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if err := writeResponse(os.Stdout, listener.Addr().(*net.TCPAddr).Port); err != nil {
		return err
	}
	return server.Serve(ctx, listener)
}

// readRequest reads a ServerCompatRequest, and returns its message_receive_limit.
func readRequest(in io.Reader) (limit uint64, _ error) {
	const receiveLimit, none = 6, 16 << 20
	var size uint32
	if err := binary.Read(in, binary.BigEndian, &size); err != nil {
		return 0, fmt.Errorf("read request: %w", err)
	}
	wire := make([]byte, size)
	if _, err := io.ReadFull(in, wire); err != nil {
		return 0, fmt.Errorf("read request: %w", err)
	}
	limit = none
	for len(wire) > 0 {
		number, kind, tag := protowire.ConsumeTag(wire)
		length := protowire.ConsumeFieldValue(number, kind, wire[tag:])
		if length < 0 {
			return 0, fmt.Errorf("read request: %w", protowire.ParseError(length))
		}
		if value, _ := protowire.ConsumeVarint(wire[tag:]); number == receiveLimit && value > 0 {
			limit = value
		}
		wire = wire[tag+length:]
	}
	return limit, nil
}

// writeResponse writes a ServerCompatResponse.
func writeResponse(out io.Writer, port int) error {
	var wire []byte
	wire = protowire.AppendTag(wire, 1, protowire.BytesType)
	wire = protowire.AppendString(wire, "127.0.0.1")
	wire = protowire.AppendTag(wire, 2, protowire.VarintType)
	wire = protowire.AppendVarint(wire, uint64(port))
	if _, err := out.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(wire))), wire...)); err != nil {
		return fmt.Errorf("write response: %w", err)
	}
	return nil
}

// startReference starts the suite's reference server, which ends with ctx, and returns its address.
func startReference(ctx context.Context, program string) (address string, ended <-chan error, _ error) {
	command := exec.CommandContext(ctx, program, "-json") //nolint:gosec // whoever starts the suite names its programs
	command.Stderr = os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	input, err := command.StdinPipe()
	if err != nil {
		return "", nil, fmt.Errorf("start reference server: %w", err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return "", nil, fmt.Errorf("start reference server: %w", err)
	}
	if err := command.Start(); err != nil {
		return "", nil, fmt.Errorf("start reference server: %w", err)
	}
	if _, err := io.WriteString(input, `{"protocol":"PROTOCOL_CONNECT","httpVersion":"HTTP_VERSION_1"}`+"\n"); err != nil {
		return "", nil, fmt.Errorf("configure reference server: %w", err)
	}
	_ = input.Close()
	var started struct {
		Host string `json:"host"`
		Port int    `json:"port"`
	}
	if err := json.NewDecoder(bufio.NewReader(output)).Decode(&started); err != nil {
		return "", nil, fmt.Errorf("read the reference server's address: %w", err)
	}
	waited := make(chan error, 1)
	go func() { waited <- command.Wait() }()
	return net.JoinHostPort(started.Host, strconv.Itoa(started.Port)), waited, nil
}
