package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/bff"
)

// TestLogServing: the start says who may call, and warns where that is everybody.
func TestLogServing(t *testing.T) {
	t.Parallel()
	everywhere, loopback := &net.TCPAddr{IP: net.IPv6unspecified, Port: 80}, &net.TCPAddr{IP: net.IPv6loopback, Port: 80}
	for name, test := range map[string]struct {
		address net.Addr
		guards  bff.Guards
		want    string
		warns   bool
	}{
		"open to all":     {everywhere, bff.Guards{}, `{"tls":false,"identity":["anonymous"],"rules":0,"limits":0}`, true},
		"limits alone":    {everywhere, bff.Guards{Limits: 2}, `{"tls":false,"identity":["anonymous"],"rules":0,"limits":2}`, true},
		"on this machine": {loopback, bff.Guards{}, `{"tls":false,"identity":["anonymous"],"rules":0,"limits":0}`, false},
		"callers prove":   {everywhere, bff.Guards{TLS: true, Identity: []string{"partners"}}, `{"tls":true,"identity":["partners"],"rules":0,"limits":0}`, false},
		"rules alone":     {everywhere, bff.Guards{Rules: 1}, `{"tls":false,"identity":["anonymous"],"rules":1,"limits":0}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			logServing(slog.New(slog.NewJSONHandler(&out, nil)), "shop", test.address, bff.Status{Guards: test.guards})
			first, rest, _ := strings.Cut(out.String(), "\n")
			var line struct {
				TLS      bool     `json:"tls"`
				Identity []string `json:"identity"`
				Rules    int      `json:"rules"`
				Limits   int      `json:"limits"`
			}
			if err := json.Unmarshal([]byte(first), &line); err != nil {
				t.Fatal(err)
			}
			if got, _ := json.Marshal(line); string(got) != test.want {
				t.Errorf("line = %s, want %s", got, test.want)
			}
			if warns := strings.Contains(rest, `"level":"WARN"`); warns != test.warns {
				t.Errorf("warning = %q", rest)
			}
		})
	}
}

// TestWarnAdmin: tokens in clear text between machines are worth a warning.
func TestWarnAdmin(t *testing.T) {
	t.Parallel()
	everywhere, loopback := &net.TCPAddr{IP: net.IPv4zero, Port: 9090}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9090}
	for name, test := range map[string]struct {
		address   net.Addr
		speaksTLS bool
		warns     bool
	}{
		"clear text":             {everywhere, false, true},
		"TLS":                    {everywhere, true, false},
		"within this machine":    {loopback, false, false},
		"TLS within the machine": {loopback, true, false},
	} {
		var out bytes.Buffer
		warnAdmin(slog.New(slog.NewJSONHandler(&out, nil)), test.address, test.speaksTLS)
		if warns := strings.Contains(out.String(), `"level":"WARN"`); warns != test.warns {
			t.Errorf("%s: %q", name, out.String())
		}
	}
}
