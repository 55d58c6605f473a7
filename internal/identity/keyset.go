package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// keySet is what an issuer has published of its keys at one moment. Nothing changes it.
type keySet struct {
	keys    []*key
	fetched time.Time
	// goodUntil is when the keys do not count any more, if there are no newer ones.
	goodUntil time.Time
	// skipped says why some of its keys are not used.
	skipped []string
}

// key is a public key. It lives as long as each key set that follows holds it.
type key struct {
	id string
	// algorithms are those that it can be used with.
	algorithms []string
	public     any
	// thumbprint is that of RFC 7638.
	thumbprint string
	// withdrawn is set once it is in the current key set no more.
	withdrawn atomic.Bool
}

// candidates are the keys that may have signed a token; known is set if the key that it names is in the key set, for whatever algorithm.
func (s *keySet) candidates(token *signedToken) (found []*key, known bool) {
	if s == nil {
		return nil, false
	}
	for _, one := range s.keys {
		if token.kid != "" && one.id != token.kid {
			continue
		}
		known = known || token.kid != ""
		if slices.Contains(one.algorithms, token.algorithm) {
			found = append(found, one)
		}
	}
	return found, known
}

// has reports whether there is a key of this id.
func (s *keySet) has(kid string) bool {
	return s != nil && kid != "" && slices.ContainsFunc(s.keys, func(one *key) bool { return one.id == kid })
}

var errUnknownKey = errors.New("key is not known")

// maxTries bounds the keys that a token without a kid is tried with.
const maxTries = 4

// signerOf is the key that has signed a token. The error is errUnknownKey if it is in no key set, which may be nil.
func (s *keySet) signerOf(token *signedToken) (*key, error) {
	candidates, known := s.candidates(token)
	if len(candidates) == 0 && known {
		return nil, refuse("token is signed with a key that is not for its algorithm")
	}
	if len(candidates) > maxTries {
		return nil, refuse("token does not name its key, and there are too many that it could be")
	}
	for _, one := range candidates {
		if one.hasSigned(token) {
			return one, nil
		}
	}
	if known {
		return nil, refuse("signature of the token does not hold")
	}
	return nil, errUnknownKey
}

// hasSigned reports whether the signature of a token is this key's.
func (k *key) hasSigned(token *signedToken) bool {
	signed, err := jose.ParseSignedCompact(token.text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(token.algorithm)})
	if err != nil {
		return false
	}
	_, err = signed.Verify(k.public)
	return err == nil
}

// follow takes the keys of an older set over that this one holds, too, so that tokens that they signed stay known, and withdraws the
// others. The older one may be nil. It returns how many are new, and how many were withdrawn.
func (s *keySet) follow(older *keySet) (added, withdrawn int) {
	if older == nil {
		return len(s.keys), 0
	}
	added = len(s.keys)
	for _, known := range older.keys {
		at := slices.IndexFunc(s.keys, known.isSame)
		if at < 0 {
			known.withdrawn.Store(true)
			withdrawn++
			continue
		}
		s.keys[at] = known
		added--
	}
	return added, withdrawn
}

func (k *key) isSame(other *key) bool {
	return k.id == other.id && k.thumbprint == other.thumbprint && slices.Equal(k.algorithms, other.algorithms)
}

const (
	// maxKeys bounds the keys of an issuer.
	maxKeys = 100
	// minRSA and maxRSA bound the size of an RSA key in bits (RFC 7518, section 3.3).
	minRSA, maxRSA = 2048, 4096
)

// readKeySet reads a JWK set (RFC 7517). Keys that are not for verifying signatures, or that are not sound, are skipped.
func readKeySet(text []byte) (*keySet, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, errors.New("read keys: answer is no JWK set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("read keys: there are %d, more than %d", len(set.Keys), maxKeys)
	}
	read := &keySet{}
	for i, one := range set.Keys {
		found, err := readKey(one)
		if err == nil && slices.ContainsFunc(read.keys, found.isSame) {
			continue
		}
		if err != nil {
			read.skipped = append(read.skipped, fmt.Sprintf("key %d: %v", i, err))
			continue
		}
		read.keys = append(read.keys, found)
	}
	return read, nil
}

// readKey reads one JWK. The error shows nothing of it.
func readKey(text jsontext.Value) (*key, error) {
	var said struct {
		ID         string   `json:"kid"`
		Use        string   `json:"use"`
		Operations []string `json:"key_ops"`
		Algorithm  string   `json:"alg"`
		Private    string   `json:"d"`
		Symmetric  string   `json:"k"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return nil, errors.New("is no JWK")
	}
	switch {
	case said.Private != "" || said.Symmetric != "":
		return nil, errors.New("is not public, and everybody can read it")
	case said.Use != "" && said.Use != "sig":
		return nil, errors.New("is not for signatures, by use")
	case said.Operations != nil && !slices.Contains(said.Operations, "verify"):
		return nil, errors.New("is not for signatures, by key_ops")
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(text); err != nil || !parsed.Valid() || !parsed.IsPublic() {
		return nil, errors.New("cannot be read, or is of a kind that is not known")
	}
	fit, err := algorithmsOf(parsed.Key)
	if err != nil {
		return nil, err
	}
	if said.Algorithm != "" {
		if !slices.Contains(fit, said.Algorithm) {
			return nil, errors.New("is of another kind than its alg")
		}
		fit = []string{said.Algorithm}
	}
	thumbprint, err := parsed.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, errors.New("cannot be read")
	}
	return &key{id: said.ID, algorithms: fit, public: parsed.Key, thumbprint: string(thumbprint)}, nil
}

// algorithmsOf are those that a public key can be used with (RFC 7518, section 3.1): no key is good for a kind that it is not of.
func algorithmsOf(public any) ([]string, error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSA || bits > maxRSA {
			return nil, fmt.Errorf("is an RSA key of %d bits", bits)
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		curves := map[string][]string{"P-256": {"ES256"}, "P-384": {"ES384"}, "P-521": {"ES512"}}
		if fit := curves[public.Params().Name]; fit != nil {
			return fit, nil
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, errors.New("is of a kind that is not known")
}
