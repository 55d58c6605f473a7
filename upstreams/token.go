package upstreams

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// token is one that an authorization server has issued.
type token struct {
	text secret.Value
	// renewAt is when a new one is fetched behind calls, and expires when this one is not sent any more.
	renewAt, expires time.Time
}

const (
	// defaultLife is how long a token is good whose answer does not say so.
	defaultLife = 5 * time.Minute
	// maxLife bounds what an answer may say.
	maxLife = 24 * time.Hour
	// maxSkew is how long before its end a token is not sent any more, at most; of a short life it is a tenth.
	maxSkew = 10 * time.Second
	// maxToken bounds a token in bytes.
	maxToken = 16 << 10
)

// newToken is a token with its times. It is renewed when four fifths of its life are over, or up to a twentieth earlier, so that
// those who were issued one together do not come back together.
func newToken(text string, now time.Time, life time.Duration) *token {
	life = min(life, maxLife)
	return &token{
		text:    secret.NewValue(text),
		renewAt: now.Add(life*4/5 - rand.N(life/20+1)), //nolint:gosec // it is no secret
		expires: now.Add(life - min(maxSkew, life/10)),
	}
}

// isGood reports whether a token may be sent. Nil is none.
func (t *token) isGood(now time.Time) bool { return t != nil && now.Before(t.expires) }

// readToken reads the answer to a request for a token (RFC 6749, section 5.1). The errors show nothing of it.
func readToken(body []byte) (*token, error) {
	var answer struct {
		AccessToken string         `json:"access_token"`
		TokenType   string         `json:"token_type"`
		ExpiresIn   jsontext.Value `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, errors.New("read token: answer is no JSON object with an access_token")
	}
	life, err := readLife(answer.ExpiresIn)
	switch {
	case err != nil:
		return nil, err
	case !strings.EqualFold(answer.TokenType, "bearer"):
		return nil, errors.New("read token: token_type is not Bearer")
	case answer.AccessToken == "" || len(answer.AccessToken) > maxToken || strings.ContainsFunc(answer.AccessToken, isUnsendable):
		return nil, errors.New("read token: access_token is empty, too long, or not for a header")
	}
	return newToken(answer.AccessToken, time.Now(), life), nil
}

// isUnsendable reports whether a token cannot hold a character (RFC 6749, appendix A.12, without the space).
func isUnsendable(r rune) bool { return r <= ' ' || r > '~' }

// readLife is a number of seconds, which some servers write as a text.
func readLife(value jsontext.Value) (time.Duration, error) {
	text := strings.Trim(string(value), `"`)
	if len(value) == 0 || text == "null" {
		return defaultLife, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(seconds) || seconds < 1 {
		return 0, errors.New("read token: expires_in is no number of seconds")
	}
	return time.Duration(min(seconds, maxLife.Seconds())) * time.Second, nil
}
