package hand

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// caller is who has proved who they are.
type caller struct {
	scopes []string
	until  time.Time
	limit  *rate.Limiter
}

// door lets callers in who have a token of the issuer, may read, and are within their limit. A token is verified once.
type door struct {
	keys   *jose.JSONWebKeySet
	known  *lru.Cache[string, *caller] // by token
	errors *connect.ErrorWriter
}

// newDoor gets the issuer's keys.
func newDoor(ctx context.Context, client *http.Client, keys string) (*door, error) {
	const most = 10_000 // callers that are remembered
	known, err := lru.New[string, *caller](most)
	if err != nil {
		return nil, fmt.Errorf("make cache of callers: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, keys, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("get keys: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("get keys: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	d := &door{keys: &jose.JSONWebKeySet{}, known: known, errors: connect.NewErrorWriter()}
	if err := json.NewDecoder(response.Body).Decode(d.keys); err != nil {
		return nil, fmt.Errorf("decode keys: %w", err)
	}
	return d, nil
}

func (d *door) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := d.admit(r); err != nil {
			_ = d.errors.Write(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (d *door) admit(r *http.Request) error {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		return connect.NewError(connect.CodeUnauthenticated, errors.New("a token is needed"))
	}
	who, known := d.known.Get(token)
	if !known || time.Now().After(who.until) {
		var err error
		if who, err = d.verify(token); err != nil {
			return connect.NewError(connect.CodeUnauthenticated, errors.New("the token is not valid"))
		}
		d.known.Add(token, who)
	}
	switch {
	case !slices.Contains(who.scopes, "shop.read"):
		return connect.NewError(connect.CodePermissionDenied, errors.New("the token does not allow this"))
	case !who.limit.Allow():
		return connect.NewError(connect.CodeResourceExhausted, errors.New("too many calls"))
	}
	return nil
}

func (d *door) verify(token string) (*caller, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return nil, err
	}
	var claims struct {
		jwt.Claims

		Scope string `json:"scope"`
	}
	if err := parsed.Claims(d.keys, &claims); err != nil {
		return nil, err
	}
	if claims.Expiry == nil {
		return nil, errors.New("the token has no end")
	}
	if err := claims.Validate(jwt.Expected{Issuer: "https://issuer.example", AnyAudience: jwt.Audience{"shop"}}); err != nil {
		return nil, err
	}
	const often = 1_000_000 // a second
	return &caller{strings.Fields(claims.Scope), claims.Expiry.Time(), rate.NewLimiter(often, often)}, nil
}
