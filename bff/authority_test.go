package bff_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/bff"
)

// TestAuthorityTakenAway: a certificate counts no more once its authority is taken away, also on a connection that stays open, whether by
// the file or by a reload; and one whose authority stays goes on.
func TestAuthorityTakenAway(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(*testing.T, *overTLS, *bff.Server){
		"from the file": func(t *testing.T, o *overTLS, _ *bff.Server) {
			t.Helper()
			o.write(t, "clients.pem", o.read(t, "others.pem"))
		},
		"with a reload": func(t *testing.T, o *overTLS, server *bff.Server) {
			t.Helper()
			o.change(t, "sheaf.yaml", "client_ca: clients.pem", "client_ca: others.pem")
			if _, err := server.Reload(withDeadline(t)); err != nil {
				t.Fatal(err)
			}
		},
		"and all others": func(t *testing.T, o *overTLS, server *bff.Server) {
			t.Helper()
			o.change(t, "sheaf.yaml", ", client_ca: clients.pem", "")
			if _, err := server.Reload(withDeadline(t)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				mine, others := newAuthority(t, "clients"), newAuthority(t, "others")
				o := newOverTLS(t, ", client_ca: clients.pem")
				o.write(t, "clients.pem", mine.pem()+others.pem())
				o.write(t, "others.pem", others.pem())
				withPolicy(t, o.greeter, "policy: {identity: {mesh: {mtls: {id: dns}}}}\n")
				h := serve(t, o.dir)
				client, staying := o.client(t, mine.pair(t, "one"), nil, http2), o.client(t, others.pair(t, "two"), nil, http2)
				for _, one := range []*http.Client{client, staying} {
					if status, body := overOpen(t, one, h); status != http.StatusOK {
						t.Fatalf("before: %d %s", status, body)
					}
				}
				take(t, o, h.server)
				eventually(t, "the certificate counts no more", func() bool {
					status, body := overOpen(t, client, h)
					return status == http.StatusUnauthorized && strings.Contains(body, "unauthenticated")
				})
				if status, body := overOpen(t, staying, h); (status == http.StatusOK) != (name != "and all others") {
					t.Errorf("another one: %d %s", status, body)
				}
			})
		}
	}
}

// overOpen asks on a connection that stays open.
func overOpen(t *testing.T, client *http.Client, h *house) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, strings.Replace(h.url, "http:", "https:", 1)+"/greet.v1.GreetService/Greet", strings.NewReader(`{"name": "x"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if asked := response.Header.Get("WWW-Authenticate"); (response.StatusCode == http.StatusUnauthorized) != (asked == "ClientCertificate") {
		t.Errorf("%d with WWW-Authenticate %q", response.StatusCode, asked)
	}
	return response.StatusCode, string(raw)
}
