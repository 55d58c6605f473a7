package upstreams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// RefreshConfig says how an account's secrets are renewed.
type RefreshConfig struct {
	// Method and Path are those of the request; Bearer is the account's secret that signs it, or empty.
	Method, Path, Bearer string
	// Form and Query are texts with ${account.NAME} and ${secret.NAME}.
	Form, Query map[string]string
	// Store are the account's secrets, each with the keys in the answer's JSON that it is read from.
	Store map[string][]string
}

// Renew renews the secrets of an account, unless that has been done since they were of a generation. Callers that ask at the
// same time share one request.
func (c *Client) Renew(ctx context.Context, account string, generation uint64) error {
	if c.config.Refresh == nil || c.config.Accounts == nil {
		return errors.New("renew: the upstream declares no refresh")
	}
	err := c.config.Accounts.Renew(ctx, store.Renewal{
		Account: account, Generation: generation, Limit: c.config.Timeout,
		Ask: func(ctx context.Context) (map[string]secret.Value, error) { return c.newSecrets(ctx, account) },
	})
	if err != nil {
		return fmt.Errorf("renew: %w", err)
	}
	return nil
}

// newSecrets asks the upstream for new secrets.
func (c *Client) newSecrets(ctx context.Context, account string) (map[string]secret.Value, error) {
	outgoing, err := c.renewal(ctx, account)
	if err != nil {
		return nil, err
	}
	response, err := c.balancer.pick(nil).transport.RoundTrip(outgoing)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // what matters has been read by then
	if !isSuccess(response.StatusCode) {
		return nil, fmt.Errorf("answered %d", response.StatusCode)
	}
	body, err := readBody(response, c.config.MaxAnswerBytes, nil)
	if err != nil {
		return nil, err
	}
	return c.config.Refresh.read(body)
}

// renewal is the request that renews.
func (c *Client) renewal(ctx context.Context, account string) (*http.Request, error) {
	base, err := c.baseFor(account)
	if err != nil {
		return nil, err
	}
	form, err := c.fillTexts(c.config.Refresh.Form, account)
	if err != nil {
		return nil, err
	}
	query, err := c.fillTexts(c.config.Refresh.Query, account)
	if err != nil {
		return nil, err
	}
	target := *base.url
	target.Path = strings.TrimSuffix(target.Path, "/") + c.config.Refresh.Path
	target.RawQuery = query.Encode()
	outgoing, err := http.NewRequestWithContext(ctx, c.config.Refresh.Method, target.String(), nil)
	if err != nil {
		return nil, errors.New("path is not one that HTTP can carry")
	}
	outgoing.Header = c.header.Clone()
	if len(form) > 0 {
		text := form.Encode()
		outgoing.Body, outgoing.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		outgoing.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.config.Refresh.Bearer != "" {
		value, _, ok := c.config.Accounts.Secret(account, c.config.Refresh.Bearer)
		if !ok {
			return nil, fmt.Errorf("account %q has no secret %q", account, c.config.Refresh.Bearer)
		}
		outgoing.Header.Set("Authorization", "Bearer "+value.Reveal())
	}
	return outgoing, nil
}

func (c *Client) fillTexts(texts map[string]string, account string) (url.Values, error) {
	filled := url.Values{}
	for name, text := range texts {
		value, err := fillText(text, account, c.config.Accounts)
		if err != nil {
			return nil, err
		}
		filled.Set(name, value)
	}
	return filled, nil
}

// read finds the new secrets in an answer. One that is not there stays as it is, but one at least must be.
func (r *RefreshConfig) read(body []byte) (map[string]secret.Value, error) {
	var document any
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, errors.New("answer is not JSON")
	}
	found := map[string]secret.Value{}
	for name, keys := range r.Store {
		value := document
		for _, key := range keys {
			object, _ := value.(map[string]any)
			value = object[key]
		}
		if text, ok := value.(string); ok && text != "" {
			found[name] = secret.NewValue(text)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("answer holds no secret where one is expected")
	}
	return found, nil
}
