package bff_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"connectrpc.com/connect"
)

// TestChallenges: a 401 asks for the proofs that count, and for no other (RFC 9110, section 11.6.1).
func TestChallenges(t *testing.T) {
	t.Parallel()
	const (
		keys   = "    partners: {api_key: {file: state/keys.json}}\n    staff: {api_key: {file: state/staff.json, header: X-Staff-Key}}\n"
		certs  = "    mesh: {mtls: {}}\n"
		tokens = "    main: {introspection: {endpoint: \"people:/introspect\"}}\n"
		ruled  = "  anonymous: ['*']\n  rules: {nobody: {rpcs: ['*'], allow: 'false'}}\n"
	)
	for name, test := range map[string]struct {
		policy string
		header http.Header
		want   []string
	}{
		"keys":         {"policy:\n  identity:\n" + keys, nil, []string{`ApiKey header="X-Api-Key"`, `ApiKey header="X-Staff-Key"`}},
		"a bad key":    {"policy:\n  identity:\n" + keys, http.Header{"X-Api-Key": {"x"}}, []string{`ApiKey header="X-Api-Key"`, `ApiKey header="X-Staff-Key"`}},
		"certificates": {"policy:\n  identity:\n" + certs, nil, []string{"ClientCertificate"}},
		"all":          {"policy:\n  identity:\n" + certs + keys + tokens, nil, []string{"Bearer", `ApiKey header="X-Api-Key"`, `ApiKey header="X-Staff-Key"`, "ClientCertificate"}},
		"a bad token": {
			"policy:\n  identity:\n" + certs + tokens, http.Header{"Authorization": {"Bearer ,"}},
			[]string{`Bearer error="invalid_token", error_description="Authorization is not Bearer and one token"`, "ClientCertificate"},
		},
		"denied": {"policy:\n  identity:\n" + certs + ruled, nil, []string{"ClientCertificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGreeter(t)
			withPolicy(t, g, test.policy)
			h := serve(t, g.dir)
			for _, option := range []connect.ClientOption{connect.WithClientOptions(), connect.WithGRPCWeb()} {
				_, err := greet(withDeadline(t), &http.Client{Transport: sending{test.header, h.http1.Transport}}, h.url, "x", option)
				told, ok := errors.AsType[*connect.Error](err)
				if !ok || told.Code() != connect.CodeUnauthenticated || !slices.Equal(told.Meta().Values("WWW-Authenticate"), test.want) {
					t.Errorf("error %v, WWW-Authenticate %q, want %q", err, told.Meta().Values("WWW-Authenticate"), test.want)
				}
			}
		})
	}
}
