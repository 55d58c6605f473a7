//go:build slow

package slowtest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	oidcProviderVersion = "9.13.3"
	zitadelVersion      = "3.51.17"
)

// process is a program that a test may end before its own end.
type process struct {
	command *exec.Cmd
	output  *lines
}

// startServer starts a program with further variables, until it listens.
func startServer(t *testing.T, address string, environment []string, path string, args ...string) *process {
	t.Helper()
	p := &process{command: exec.Command(path, args...), output: &lines{}}
	p.command.Env = append(os.Environ(), environment...)
	p.command.Stdout, p.command.Stderr = p.output, p.output
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	awaitListener(t, address)
	return p
}

func (p *process) kill() {
	if p.command.ProcessState == nil {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	}
}

// startOIDCProvider starts oidc-provider, and returns its issuer.
func startOIDCProvider(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "sheaf", "oidc-provider-"+oidcProviderVersion)
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(filepath.Join(modules, "oidc-provider")); err != nil {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		runCommand(t, nil, "npm", "install", "--prefix", dir, "--ignore-scripts", "--no-save", "oidc-provider@"+oidcProviderVersion)
	}
	address := freeAddress(t)
	startServer(t, address, nil, "node", "testdata/oidc-provider.mjs", modules, portOf(t, address))
	return "http://" + address
}

// zitadel is the example server of that library. Its keys are new each time that it starts.
type zitadel struct {
	*process

	base string
	path string
	port string
}

func startZitadel(t *testing.T) *zitadel {
	t.Helper()
	address := freeAddress(t)
	z := &zitadel{path: builtProgram(t, "zitadel", "server", "github.com/zitadel/oidc/v3/example/server", zitadelVersion), port: portOf(t, address)}
	z.base = "http://localhost:" + z.port
	z.start(t)
	return z
}

func (z *zitadel) start(t *testing.T) {
	t.Helper()
	z.process = startServer(t, "127.0.0.1:"+z.port, []string{"PORT=" + z.port}, z.path)
}

// exchange sends a form, and reads a JSON answer.
func exchange(t *testing.T, target, user, password string, form url.Values) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(user, password)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %d, %v", target, response.StatusCode, answer)
	}
	return answer
}

// issue is a token of alice's for a resource; an opaque one for none.
func issue(t *testing.T, issuer, resource string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}
	if resource != "" {
		form.Set("resource", resource)
	}
	return exchange(t, issuer+"/token", "alice", "canary-alice", form)["access_token"].(string)
}

// logIn logs a user in as a browser does, and returns an opaque access token and an id token that is a JWT.
func (z *zitadel) logIn(t *testing.T) (access, id string) {
	t.Helper()
	const callback = "http://localhost:9999/auth/callback" // nobody is there, and nobody is asked
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	follow := func(request *http.Request, err error) *url.URL {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		response, err := browser.Do(request.WithContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		location, err := response.Location()
		if err != nil {
			t.Fatalf("%s answered %d: %v", request.URL, response.StatusCode, err)
		}
		return location
	}
	query := url.Values{"client_id": {"web"}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {callback}, "state": {"s"}}
	login := follow(http.NewRequest(http.MethodGet, z.base+"/auth?"+query.Encode(), nil))
	form := url.Values{"username": {"test-user@localhost"}, "password": {"verysecure"}, "id": {login.Query().Get("authRequestID")}}
	request, err := http.NewRequest(http.MethodPost, z.base+"/login/username", strings.NewReader(form.Encode()))
	if err == nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	back := follow(http.NewRequest(http.MethodGet, follow(request, err).String(), nil))
	answer := exchange(t, z.base+"/oauth/token", "web", "secret", url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {callback},
	})
	return answer["access_token"].(string), answer["id_token"].(string)
}

// served is a running sheaf serve.
type served struct {
	*process

	url string
}

// serveWho serves a project that tells callers who they are, with these upstreams and providers.
func serveWho(t *testing.T, binary, settings string) *served {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"proto/who/v1/who.proto": `
			syntax = "proto3";
			package who.v1;
			service WhoService { rpc Get(GetRequest) returns (GetResponse); }
			message GetRequest {}
			message GetResponse { string provider = 1; string id = 2; }`,
		"bindings/who.yaml": "service: who.v1.WhoService\nrpcs: {Get: {response: {provider: caller.provider, id: caller.id}}}\n",
		"sheaf.yaml":        "contract: proto\nbindings: bindings\n" + settings,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := freeAddress(t)
	return &served{startServer(t, address, []string{"SHEAF_SECRET=canary-sheaf", "WEB_SECRET=secret"}, binary, "serve", dir, "--listen", address), "http://" + address}
}

// who asks with these values of Authorization. It returns the status, and the whole answer.
func (s *served) who(t *testing.T, authorization ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/who.v1.WhoService/Get", bytes.NewReader([]byte("{}")))
	if err != nil {
		t.Fatal(err)
	}
	request.Header["Content-Type"] = []string{"application/json"}
	request.Header["Authorization"] = authorization
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
