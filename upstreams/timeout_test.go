package upstreams

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// piped gives a client an upstream without a network. respond gets the number of the request, which begins with 1, and what is to be
// written; the connection stays open until the client closes it.
func piped(client *Client, respond func(number int, w io.Writer)) {
	number := 0
	client.balancer.addresses[0].transport.plain = newPlain(&client.config, func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer func() { _ = far.Close() }()
			for reader := bufio.NewReader(far); ; {
				if _, err := http.ReadRequest(reader); err != nil {
					return
				}
				number++
				respond(number, far)
			}
		}()
		return near, nil
	})
}

// TestTimeoutCutShort: a try that had little time, since those before it took what the call has, says nothing of the upstream; one
// that had the call's whole time does.
func TestTimeoutCutShort(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		failsFirst bool
		want       string
	}{"cut short": {true, "closed"}, "hangs": {false, "open"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, err := New(Config{
					Name: "things", BaseURL: "http://things", Private: true, Timeout: time.Minute,
					Retries: RetryConfig{Max: 1, Budget: 1, Backoff: time.Nanosecond}, Breaker: BreakerConfig{MinRequests: 1, FailureRatio: 0.1},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				piped(client, func(number int, w io.Writer) {
					if test.failsFirst && number == 1 {
						time.Sleep(6 * time.Second)
						_, _ = io.WriteString(w, "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
					}
				})
				request := asking("/things/1").Request
				request.Timeout = 10 * time.Second
				_, err = client.Do(t.Context(), request)
				if kindOfError(err) != KindTimeout || client.BreakerState("") != test.want {
					t.Errorf("error %v, breaker is %s, want %s", err, client.BreakerState(""), test.want)
				}
			})
		})
	}
}
