package upstreams

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// AWSCredential is AWS Signature Version 4.
type AWSCredential struct {
	Region, Service              string
	AccessKeyID, SecretAccessKey Secret
	// SessionToken goes with keys that are temporary; the zero Secret for none.
	SessionToken Secret
}

// awsSigner is an AWSCredential with what makes signatures. It keeps the keys that it derives, each for a day.
type awsSigner struct {
	AWSCredential

	signer *v4.Signer
}

func (a AWSCredential) newSigner(*Client) (signer, error) {
	return &awsSigner{a, v4.NewSigner(func(options *v4.SignerOptions) {
		options.DisableURIPathEscaping = a.Service == "s3" // which alone takes paths as they are
	})}, nil
}

func (a *awsSigner) sign(ctx context.Context, out *outgoingRequest) error {
	keys, err := a.keys(out)
	if err != nil {
		return err
	}
	// The signer reads the query, and would leave out a parameter with a raw semicolon.
	out.URL.RawQuery = strings.ReplaceAll(out.URL.RawQuery, ";", "%3B")
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} { // the signer would write into the call's own
		if own := out.Header[name]; own != nil {
			out.Header[name] = slices.Clone(own)
		}
	}
	payload := hashOf(out.call.Body)
	out.Header.Set("X-Amz-Content-Sha256", payload)
	if err := a.signer.SignHTTP(ctx, keys, &out.Request, payload, a.Service, a.Region, time.Now()); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	out.carried.add(out.Header.Get("Authorization"))
	return nil
}

// keys are the secrets as they are now.
func (a *awsSigner) keys(out *outgoingRequest) (aws.Credentials, error) {
	var keys aws.Credentials
	for _, one := range []struct {
		from     Secret
		to       *string
		optional bool
	}{{a.AccessKeyID, &keys.AccessKeyID, false}, {a.SecretAccessKey, &keys.SecretAccessKey, false}, {a.SessionToken, &keys.SessionToken, true}} {
		if one.optional && one.from == (Secret{}) {
			continue
		}
		value, err := out.reveal(one.from)
		if err != nil {
			return aws.Credentials{}, err
		}
		*one.to = value
	}
	return keys, nil
}
