package upstreams

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

func fixedSecret(text string) Secret { return Secret{Source: secret.Fixed(secret.NewValue(text))} }

// signedBy is a request as a credential signs it at a time.
func signedBy(t *testing.T, credential Credential, at string, target string, call *Request, header http.Header) *http.Request {
	t.Helper()
	made, err := newSigner(&Client{}, credential)
	if err != nil {
		t.Fatal(err)
	}
	moment, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	outgoing, err := http.NewRequestWithContext(t.Context(), call.Method, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	outgoing.Header = header
	time.Sleep(time.Until(moment)) // in a bubble it is the year 2000 at first
	if err := made.sign(t.Context(), &outgoingRequest{Request: *outgoing, call: call}); err != nil {
		t.Fatal(err)
	}
	return outgoing
}

// TestAWSVectors: the examples of "Signature Calculations for the Authorization Header" in the documentation of Amazon S3.
func TestAWSVectors(t *testing.T) {
	t.Parallel()
	credential := AWSCredential{
		Region: "us-east-1", Service: "s3", AccessKeyID: fixedSecret("AKIAIOSFODNN7EXAMPLE"),
		SecretAccessKey: fixedSecret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
	}
	for name, test := range map[string]struct {
		call              Request
		target, headers   string
		header            http.Header
		signed, signature string
	}{
		"get object": {
			Request{Method: http.MethodGet}, "/test.txt", "host;range;x-amz-content-sha256;x-amz-date", http.Header{"Range": {"bytes=0-9"}},
			"", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		},
		"put object": {
			Request{Method: http.MethodPut, Body: []byte("Welcome to Amazon S3.")}, "/test%24file.text", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
			http.Header{"Date": {"Fri, 24 May 2013 00:00:00 GMT"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"}},
			"", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
		},
		"get lifecycle": {
			Request{Method: http.MethodGet}, "/?lifecycle", "host;x-amz-content-sha256;x-amz-date", http.Header{},
			"", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
		},
		"list objects": {
			Request{Method: http.MethodGet}, "/?max-keys=2&prefix=J", "host;x-amz-content-sha256;x-amz-date", http.Header{},
			"", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				outgoing := signedBy(t, credential, "2013-05-24T00:00:00Z", "https://examplebucket.s3.amazonaws.com"+test.target, &test.call, test.header)
				want := "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=" + test.headers + ", Signature=" + test.signature
				if got := outgoing.Header.Get("Authorization"); got != want {
					t.Errorf("Authorization = %s\nwant            %s", got, want)
				}
			})
		})
	}
}

// TestAWSRequest: nothing of a request is lost by signing it, the session's token goes with it, and paths of services other than S3
// count as twice escaped.
func TestAWSRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		credential := AWSCredential{Region: "eu-central-1", Service: "execute-api", AccessKeyID: fixedSecret("id"), SecretAccessKey: fixedSecret("key"), SessionToken: fixedSecret("session")}
		call := &Request{Method: http.MethodGet}
		outgoing := signedBy(t, credential, "2015-08-30T12:36:00Z", "https://api.example.com/a%2Fb?x=a;b&y=1%2B1&x=c+d", call, http.Header{"Authorization": {"old"}})
		if query := outgoing.URL.Query(); query["x"][0] != "a;b" || query["x"][1] != "c d" || query.Get("y") != "1+1" || outgoing.URL.EscapedPath() != "/a%2Fb" {
			t.Errorf("URL = %s", outgoing.URL)
		}
		if got := outgoing.Header; got.Get("X-Amz-Security-Token") != "session" || len(got["Authorization"]) != 1 || !strings.Contains(got.Get("Authorization"), "x-amz-security-token") {
			t.Errorf("header = %v", got)
		}
	})
}

// TestHMACVector: test case 2 of RFC 4231.
func TestHMACVector(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sha512, base64 bool
		want           string
	}{
		{false, false, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{false, true, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="},
		{true, false, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
	} {
		credential := HMACCredential{
			Header: "X-Signature", Key: fixedSecret("Jefe"), SHA512: test.sha512, Base64: test.base64,
			Text: []TextPart{{Literal: "what do ya want for nothing?"}}, Value: []TextPart{{Hole: "signature"}},
		}
		outgoing := signedBy(t, credential, "2001-01-01T00:00:00Z", "http://things", &Request{Method: http.MethodGet}, http.Header{})
		if got := outgoing.Header.Get("X-Signature"); got != test.want {
			t.Errorf("signature = %s, want %s", got, test.want)
		}
	}
}

// TestHMACText: what is signed is what is sent, as it is escaped on the wire. A text that is its own signature shows it.
func TestHMACText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var text []TextPart
		for _, hole := range []string{"method", "host", "path", "query", "timestamp", "body", "body_sha256", "header.x-date"} {
			text = append(text, TextPart{Hole: hole}, TextPart{Literal: "\n"})
		}
		credential := HMACCredential{
			Header: "X-Signature", Key: fixedSecret("key"), Text: text, TimestampHeader: "X-Time",
			Value: []TextPart{{Literal: "t="}, {Hole: "timestamp"}, {Literal: ",v1="}, {Hole: "signature"}},
		}
		made, err := credential.newSigner(nil)
		if err != nil {
			t.Fatal(err)
		}
		call := &Request{Method: http.MethodPost, Body: []byte(`{"a":1}`)}
		outgoing := signedBy(t, credential, "2020-01-01T00:00:00Z", "http://things:81/a%2Fb/c?q=%20&r=1", call, http.Header{"X-Date": {"a", "b"}})
		want := "POST\nthings:81\n/a%2Fb/c\nq=%20&r=1\n1577836800\n{\"a\":1}\n015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862\na, b\n"
		signed := &signed{outgoingRequest: &outgoingRequest{Request: *outgoing, call: call}, timestamp: "1577836800"}
		if got := signed.written(made.(*hmacSigner).text); got != want {
			t.Errorf("text = %q\nwant   %q", got, want)
		}
		if got := outgoing.Header.Get("X-Signature"); !strings.HasPrefix(got, "t=1577836800,v1=") || outgoing.Header.Get("X-Time") != "1577836800" {
			t.Errorf("header = %v", outgoing.Header)
		}
	})
}

func TestHMACRefuses(t *testing.T) {
	t.Parallel()
	well := []TextPart{{Hole: "signature"}}
	for name, credential := range map[string]HMACCredential{
		"unknown hole": {Text: []TextPart{{Hole: "bdy"}}, Value: well}, "nothing to sign": {Value: well},
		"no value": {Text: []TextPart{{Hole: "body"}}}, "signature in text": {Text: well, Value: well},
	} {
		if _, err := credential.newSigner(nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
