package plan

import "github.com/sheaf-rpc/sheaf/internal/diag"

// Secret says where a secret is; the zero Secret is none. It does not hold it.
type Secret struct {
	// Env is the name of a variable, File the path of a file, and Account the name of a secret of the account.
	Env, File, Account string
	At                 diag.Position
}

// IsZero reports whether there is none.
func (s Secret) IsZero() bool { return s.Env == "" && s.File == "" && s.Account == "" }

// Credential says what signs each request; the zero Credential signs nothing. It holds no secret.
type Credential struct {
	// Header, Query or Path says where the secret goes: into a header, into a query parameter, or into a path before that of
	// the call, in the place of ${secret}. None of them means Authorization: Bearer.
	Header, Query, Path string
	Secret              Secret
	At                  diag.Position
}

// describe says what signs requests, and where that is.
func (c Credential) describe() string {
	kind := "bearer"
	switch {
	case c.Secret.IsZero():
		return ""
	case c.Header != "":
		kind = "header " + c.Header
	case c.Query != "":
		kind = "query parameter " + c.Query
	case c.Path != "":
		kind = "path " + c.Path
	}
	return kind + " from " + c.Secret.describe()
}

// describe says where a secret is.
func (s Secret) describe() string {
	switch {
	case s.Env != "":
		return "variable " + s.Env
	case s.File != "":
		return "a file"
	default:
		return s.Account + " of the account"
	}
}
