package upstreams

import (
	"context"
	"fmt"
	"strings"
)

// CallerCredential passes on the caller's own Authorization, as it came. A call without one fails, unsent.
type CallerCredential struct{}

func (c CallerCredential) newSigner(*Client) (signer, error) { return c, nil }

func (CallerCredential) sign(_ context.Context, out *outgoingRequest) error {
	value := out.call.Authorization.Reveal()
	if value == "" {
		return fmt.Errorf("sign: %w", errNoAuthorization)
	}
	_, token, _ := strings.Cut(value, " ")
	out.carried.add(token)
	out.setHeader("Authorization", value)
	return nil
}

// subject is the token of a caller whose Authorization is a bearer'out.
func (r *Request) subject() (string, error) {
	scheme, token, _ := strings.Cut(r.Authorization.Reveal(), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		return "", fmt.Errorf("sign: %w, as a bearer", errNoAuthorization)
	}
	return token, nil
}
