package identity_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// edit changes a draft.
type edit func(*draft)

// header and payload replace a text that is there.
func header(from, to string) edit { return func(d *draft) { d.header = replace(d.header, from, to) } }
func payload(from, to string) edit {
	return func(d *draft) { d.payload = replace(d.payload, from, to) }
}

func replace(text, from, to string) string {
	if !strings.Contains(text, from) {
		panic(from + " is not in " + text)
	}
	return strings.Replace(text, from, to, 1)
}

// also adds a member; sub stands behind it.
func also(member string) edit { return payload(`"sub":`, member+`,"sub":`) }

// inHeader adds a member to the header.
func inHeader(member string) edit { return header(`"alg":`, member+`,"alg":`) }

// by signs with another key and algorithm, as the header says.
func by(id, algorithm string) edit {
	return func(d *draft) {
		header(`"RS256"`, `"`+algorithm+`"`)(d)
		header(`"rsa"`, `"`+id+`"`)(d)
		d.signer, d.algorithm = id, algorithm
	}
}

// stolen signs with a key that nobody published.
func stolen(id, algorithm string) edit {
	return func(d *draft) { d.signer, d.algorithm = id, algorithm }
}

func hmacWith(algorithm string, secret []byte) edit {
	return func(d *draft) {
		header(`"RS256"`, `"`+algorithm+`"`)(d)
		d.secret, d.algorithm = secret, algorithm
	}
}

func parts(change func([]string) []string) edit { return func(d *draft) { d.change = change } }
func whole(finish func(string) string) edit     { return func(d *draft) { d.finish = finish } }
func values(of func(string) []string) edit      { return func(d *draft) { d.values = of } }

// signature changes the bytes of the signature.
func signature(change func([]byte) []byte) edit {
	return parts(func(parts []string) []string {
		signed, _ := base64.RawURLEncoding.DecodeString(parts[2])
		parts[2] = encode(change(signed))
		return parts
	})
}

func all(edits ...edit) edit {
	return func(d *draft) {
		for _, one := range edits {
			one(d)
		}
	}
}

// times sets exp, nbf or iat to so many seconds from now.
func times(name string, seconds int) edit {
	return func(d *draft) {
		members := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(d.payload), &members); err != nil {
			panic(err)
		}
		members[name], _ = json.Marshal(time.Now().Unix() + int64(seconds))
		text, _ := json.Marshal(members)
		d.payload = string(text)
	}
}

// claim replaces a claim as a whole; without a value it is removed.
func claim(name, value string) edit {
	return func(d *draft) {
		members := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(d.payload), &members); err != nil {
			panic(err)
		}
		if members[name] = json.RawMessage(value); value == "" {
			delete(members, name)
		}
		text, _ := json.Marshal(members)
		d.payload = string(text)
	}
}

// attack is a token that has to be refused, beside one that has to be accepted: only what is wrong is different.
type attack struct {
	name      string
	bad, good edit // good is nil for no change at all
	reason    string
}

func publicPEM(id string) []byte {
	der, err := x509.MarshalPKIXPublicKey(pairs()[id].Public())
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(der, err)})
}

func publicDER(id string) []byte {
	der, err := x509.MarshalPKIXPublicKey(pairs()[id].Public())
	return must(der, err)
}

func publicJWK(id string) string {
	text, err := json.Marshal(jwk(id, nil))
	return string(must(text, err))
}

// asDER is an ECDSA signature as other formats than JWS have it.
func asDER(signed []byte) []byte {
	half := len(signed) / 2
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signed[:half]), new(big.Int).SetBytes(signed[half:])})
	return must(der, err)
}

// negateS is a signature that ECDSA takes for the same, but for one bit of r.
func negateS(signed []byte) []byte {
	order := pairs()["ec"].(*ecdsa.PrivateKey).Params().N
	s := new(big.Int).SetBytes(signed[32:])
	copy(signed[32:], make([]byte, 32))
	s.Sub(order, s).FillBytes(signed[32:])
	signed[0] ^= 1
	return signed
}

// addOrder adds the order of the group to s of Ed25519, which leaves it the same in the group (RFC 8032, section 8.4).
func addOrder(signed []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	little := append([]byte(nil), signed[32:]...)
	reverse(little)
	sum := new(big.Int).Add(new(big.Int).SetBytes(little), order).FillBytes(make([]byte, 32))
	reverse(sum)
	return append(signed[:32], sum...)
}

func reverse(bytes []byte) {
	for i, j := 0, len(bytes)-1; i < j; i, j = i+1, j-1 {
		bytes[i], bytes[j] = bytes[j], bytes[i]
	}
}

const (
	notAllowed  = "algorithm that is not allowed"
	noHold      = "signature of the token does not hold"
	unsupported = "which is not supported"
	noJWT       = "token is no JWT"
	noHeader    = "header of the token cannot be read"
	noClaims    = "claims of the token cannot be read"
	noKnown     = "key that is not known"
	noFit       = "key that is not for its algorithm"
	noBearer    = "Authorization is not Bearer and one token"
)

// attacks are tampered tokens, by what they tamper with.
func attacks() map[string][]attack { //nolint:maintidx // it is one table
	return map[string][]attack{
		"algorithm": {
			{"none", all(header(`"RS256"`, `"none"`), signature(func([]byte) []byte { return nil })), nil, noJWT},
			{"none, with a signature", header(`"RS256"`, `"none"`), nil, notAllowed},
			{"None", header(`"RS256"`, `"None"`), nil, notAllowed},
			{"nOnE", header(`"RS256"`, `"nOnE"`), nil, notAllowed},
			{"empty", header(`"RS256"`, `""`), nil, notAllowed},
			{"missing", header(`"alg":"RS256",`, ``), nil, "names no algorithm"},
			{"number", header(`"RS256"`, `256`), nil, "names no algorithm"},
			{"list", header(`"RS256"`, `["RS256"]`), nil, "names no algorithm"},
			{"lower case", header(`"RS256"`, `"rs256"`), nil, notAllowed},
			{"space behind", header(`"RS256"`, `"RS256 "`), nil, notAllowed},
			{"of another hash", header(`"RS256"`, `"RS1"`), nil, notAllowed},
			{"of another curve", header(`"RS256"`, `"ES256K"`), nil, notAllowed},
			{"HS256 with the public key as PEM", hmacWith("HS256", publicPEM("rsa")), nil, notAllowed},
			{"HS384 with the public key as DER", hmacWith("HS384", publicDER("rsa")), nil, notAllowed},
			{"HS512 with the public key as JWK", hmacWith("HS512", []byte(publicJWK("rsa"))), nil, notAllowed},
			{"HS256 with the key set's own secret", all(hmacWith("HS256", []byte("secret-of-ours-and-long-enough")), header(`"rsa"`, `"oct"`)), nil, notAllowed},
			{"hs256", all(hmacWith("HS256", publicPEM("rsa")), header(`"HS256"`, `"hs256"`)), nil, notAllowed},
			{"RS256 signed, PS256 said", header(`"RS256"`, `"PS256"`), by("rsa", "PS256"), noHold},
			{"RS512 signed, RS256 said", stolen("rsa", "RS512"), by("rsa", "RS512"), noHold},
			{"PS256 with a key for RS256", by("rs256", "PS256"), by("rs256", "RS256"), noFit},
			{"ES256 with an RSA key", all(by("ec", "ES256"), header(`"ec"`, `"rsa"`)), by("ec", "ES256"), noFit},
			{"RS256 with an EC key", header(`"rsa"`, `"ec"`), nil, noFit},
			{"ES256 with a key of P-384", header(`"RS256","kid":"rsa"`, `"ES256","kid":"ec384"`), by("ec384", "ES384"), noFit},
			{"ES512 with a key of P-256", header(`"RS256","kid":"rsa"`, `"ES512","kid":"ec"`), by("ec521", "ES512"), noFit},
			{"EdDSA with an EC key", header(`"RS256","kid":"rsa"`, `"EdDSA","kid":"ec"`), by("ed", "EdDSA"), noFit},
		},
		"key": {
			{"unknown kid", header(`"rsa"`, `"unknown"`), nil, noKnown},
			{"kid of another case", header(`"rsa"`, `"RSA"`), nil, noKnown},
			{"kid as a path", header(`"rsa"`, `"../../dev/null"`), nil, noKnown},
			{"kid as SQL", header(`"rsa"`, `"x' UNION SELECT 'k"`), nil, noKnown},
			{"kid as a URL", header(`"rsa"`, `"https://evil.example/key"`), nil, noKnown},
			{"kid empty", header(`"rsa"`, `""`), nil, "kid that no key has"},
			{"kid number", header(`"rsa"`, `1`), nil, "kid that no key has"},
			{"kid null", header(`"rsa"`, `null`), nil, "kid that no key has"},
			{"kid with NUL", header(`"rsa"`, `"rsa\u0000"`), nil, "kid that no key has"},
			{"kid too long", header(`"rsa"`, `"`+strings.Repeat("k", 257)+`"`), nil, "kid that no key has"},
			{"for encryption, by use", by("enc", "RS256"), by("rs256", "RS256"), noKnown},
			{"for encryption, by key_ops", by("ops", "RS256"), by("rs256", "RS256"), noKnown},
			{"too short", by("weak", "RS256"), by("rs256", "RS256"), noKnown},
			{"with its private part published", by("open", "RS256"), by("rs256", "RS256"), noKnown},
			{"of a stranger", stolen("stranger", "RS256"), nil, noHold},
			{"of a stranger, EC", all(by("ec", "ES256"), stolen("strange-ec", "ES256")), by("ec", "ES256"), noHold},
			{"of a stranger, Ed25519", all(by("ed", "EdDSA"), stolen("strange-ed", "EdDSA")), by("ed", "EdDSA"), noHold},
			{"of a stranger, without kid", all(by("ed", "EdDSA"), header(`"kid":"ed",`, ``), stolen("strange-ed", "EdDSA")), all(by("ed", "EdDSA"), header(`"kid":"ed",`, ``)), noKnown},
			{"embedded", func(d *draft) { inHeader(`"jwk":` + publicJWK("stranger"))(d); d.signer = "stranger" }, nil, "holds jwk"},
			{"embedded, and the right one", inHeader(`"jwk":` + publicJWK("rsa")), nil, "holds jwk"},
			{"by URL", all(inHeader(`"jku":"https://evil.example/keys"`), stolen("stranger", "RS256")), nil, "holds jku"},
			{"by the issuer's own URL", inHeader(`"jku":"https://idp.example/realm/keys"`), nil, "holds jku"},
			{"by URL of a certificate", inHeader(`"x5u":"https://evil.example/cert"`), nil, "holds x5u"},
			{"by certificate", inHeader(`"x5c":["MIIB"]`), inHeader(`"x5t":"AAAA"`), "holds x5c"},
		},
		"header": {
			{"crit", inHeader(`"crit":["exp"],"exp":1`), inHeader(`"exp":1`), unsupported},
			{"crit that is empty", inHeader(`"crit":[]`), nil, unsupported},
			{"b64", inHeader(`"b64":false,"crit":["b64"]`), nil, unsupported},
			{"b64 without crit", inHeader(`"b64":true`), nil, unsupported},
			{"zip", inHeader(`"zip":"DEF"`), nil, unsupported},
			{"enc", inHeader(`"enc":"A256GCM"`), nil, unsupported},
			{"p2c", inHeader(`"p2c":2147483647`), nil, unsupported},
			{"cty", inHeader(`"cty":"JWT"`), inHeader(`"cty":"json"`), unsupported},
			{"cty of another case", inHeader(`"cty":"application/jwt"`), nil, unsupported},
			{"typ of a proof", header(`"at+jwt"`, `"dpop+jwt"`), header(`"at+jwt"`, `"application/AT+JWT"`), "another type"},
			{"typ of a logout", header(`"at+jwt"`, `"logout+jwt"`), header(`"at+jwt"`, `"JWT"`), "another type"},
			{"typ empty", header(`"at+jwt"`, `""`), header(`,"typ":"at+jwt"`, ``), "another type"},
			{"typ number", header(`"at+jwt"`, `1`), nil, "typ that is no text"},
			{"alg twice", inHeader(`"alg":"none"`), inHeader(`"Alg":"none"`), noHeader},
			{"alg twice, once escaped", inHeader(`"\u0061lg":"none"`), nil, noHeader},
			{"kid twice", inHeader(`"kid":"rsa"`), nil, noHeader},
			{"twice deep inside", inHeader(`"x":{"a":{"b":1,"b":2}}`), inHeader(`"x":{"a":{"b":1,"c":2}}`), noHeader},
			{"trailing data", header(`"at+jwt"}`, `"at+jwt"}{}`), header(`"at+jwt"}`, `"at+jwt"} `), noHeader},
			{"trailing comma", header(`"at+jwt"}`, `"at+jwt",}`), nil, noHeader},
			{"comment", header(`"at+jwt"}`, `"at+jwt"/**/}`), nil, noHeader},
			{"list", func(d *draft) { d.header = `[` + d.header + `]` }, nil, noHeader},
			{"byte order mark", func(d *draft) { d.header = "\ufeff" + d.header }, nil, noHeader},
			{"no UTF-8", inHeader("\"x\":\"\xff\""), inHeader(`"x":"ÿ"`), noHeader},
		},
		"form": {
			{"two parts", parts(func(p []string) []string { return p[:2] }), nil, noJWT},
			{"four parts", parts(func(p []string) []string { return append(p, "AAAA") }), nil, noJWT},
			{"encrypted", parts(func(p []string) []string { return append(p, "AAAA", "AAAA") }), nil, "encrypted"},
			{"no signature", signature(func([]byte) []byte { return nil }), nil, noJWT},
			{"no payload", parts(func(p []string) []string { p[1] = ""; return p }), nil, noJWT},
			{"no header", parts(func(p []string) []string { p[0] = ""; return p }), nil, noJWT},
			{"padding", whole(func(s string) string { return s + "=" }), nil, noJWT},
			{"padding inside", parts(func(p []string) []string { p[0] += "=="; return p }), nil, noBearer},
			{"other alphabet", all(by("ed", "EdDSA"), also(`"x":"~~~???>>>"`), parts(func(p []string) []string {
				p[1] = strings.NewReplacer("-", "+", "_", "/").Replace(p[1])
				return p
			})), all(by("ed", "EdDSA"), also(`"x":"~~~???>>>"`)), noJWT},
			{"bits behind the end", whole(func(s string) string { return s[:len(s)-1] + next(s[len(s)-1]) }), nil, noJWT},
			{"bits behind the end of the payload", all(also(`"x":"1"`), parts(func(p []string) []string { p[1] = loose(p[1]); return p })), nil, noJWT},
			{"JSON serialization", whole(func(s string) string {
				p := strings.Split(s, ".")
				return `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`
			}), nil, noBearer},
			{"nested", func(d *draft) { d.payload = newDraft().token() }, nil, noClaims},
			{"too long", also(`"x":"` + strings.Repeat("x", 13<<10) + `"`), also(`"x":"` + strings.Repeat("x", 10<<10) + `"`), "too long"},
			{"two tokens", whole(func(s string) string { return s + "," + s }), nil, noBearer},
		},
		"signature": {
			{"one bit", signature(func(s []byte) []byte { s[7] ^= 1; return s }), nil, noHold},
			{"last bit", signature(func(s []byte) []byte { s[len(s)-1] ^= 1; return s }), nil, noHold},
			{"cut off", signature(func(s []byte) []byte { return s[:len(s)-1] }), nil, noHold},
			{"zero in front", signature(func(s []byte) []byte { return append([]byte{0}, s...) }), nil, noHold},
			{"zero behind", signature(func(s []byte) []byte { return append(s, 0) }), nil, noHold},
			{"of another token", parts(func(p []string) []string { p[2] = strings.Split(newDraft().token(), ".")[2]; return p }), nil, noHold},
			{"all zero", all(by("ec", "ES256"), signature(func(s []byte) []byte { return make([]byte, len(s)) })), by("ec", "ES256"), noHold},
			{"as DER", all(by("ec", "ES256"), signature(asDER)), by("ec", "ES256"), noHold},
			{"ECDSA negated, and one bit", all(by("ec", "ES256"), signature(negateS)), by("ec", "ES256"), noHold},
			{"too short for ECDSA", all(by("ec384", "ES384"), signature(func(s []byte) []byte { return s[:64] })), by("ec384", "ES384"), noHold},
			{"Ed25519 with another number of the same rest", all(by("ed", "EdDSA"), signature(addOrder)), by("ed", "EdDSA"), noHold},
			{"payload changed", parts(func(p []string) []string { p[1] = swap(p[1], "alice", "admin"); return p }), nil, noHold},
			{"header changed", parts(func(p []string) []string { p[0] = swap(p[0], `"at+jwt"`, `"JWT"`); return p }), nil, noHold},
			{"scope changed", parts(func(p []string) []string { p[1] = swap(p[1], "read write", "read admin"); return p }), nil, noHold},
			{"end moved", parts(func(p []string) []string { p[1] = swap(p[1], `"exp":1`, `"exp":2`); return p }), nil, noHold},
		},
		"claims": {
			{"no object", func(d *draft) { d.payload = `null` }, nil, noClaims},
			{"list", func(d *draft) { d.payload = `[` + d.payload + `]` }, nil, noClaims},
			{"text", func(d *draft) { d.payload = `"x"` }, nil, noClaims},
			{"trailing data", func(d *draft) { d.payload += `{"sub":"admin"}` }, func(d *draft) { d.payload += "\n" }, noClaims},
			{"sub twice", also(`"sub":"admin"`), also(`"Sub":"admin"`), noClaims},
			{"exp twice", also(`"exp":9999999999`), nil, noClaims},
			{"iss twice", also(`"iss":"https://evil.example"`), nil, noClaims},
			{"twice deep inside", also(`"x":[{"a":1,"a":2}]`), also(`"x":[{"a":1},{"a":2}]`), noClaims},
			{"no UTF-8", also("\"x\":\"\xff\""), also(`"x":"ÿ"`), noClaims},
			{"half a surrogate", also(`"x":"\ud800"`), also(`"x":"\ud83d\ude00"`), noClaims},
			{"NUL behind", func(d *draft) { d.payload += "\x00" }, nil, noClaims},
			{"issuer of another", claim("iss", `"https://evil.example"`), nil, "issuer that is not known"},
			{"issuer with a slash more", claim("iss", `"https://idp.example/realm/"`), nil, "issuer that is not known"},
			{"issuer of another case", claim("iss", `"https://IDP.example/realm"`), nil, "issuer that is not known"},
			{"issuer with a space", claim("iss", `"https://idp.example/realm "`), nil, "issuer that is not known"},
			{"issuer missing", claim("iss", ``), nil, "claim iss"},
			{"issuer list", claim("iss", `["`+theIssuer+`"]`), nil, "claim iss"},
			{"issuer null", claim("iss", `null`), nil, "claim iss"},
			{"cnf", also(`"cnf":{"jkt":"x"}`), also(`"conf":{"jkt":"x"}`), "bound to a key"},
		},
		"audience": {
			{"another", claim("aud", `"bank"`), claim("aud", `"other"`), "another audience"},
			{"missing", claim("aud", ``), nil, "claim aud"},
			{"null", claim("aud", `null`), nil, "claim aud"},
			{"number", claim("aud", `1`), nil, "claim aud"},
			{"object", claim("aud", `{"shop":true}`), nil, "claim aud"},
			{"empty list", claim("aud", `[]`), claim("aud", `["x","shop"]`), "another audience"},
			{"list of others", claim("aud", `["bank","shop2"]`), claim("aud", `["bank","shop"]`), "another audience"},
			{"list with a number", claim("aud", `["shop",1]`), claim("aud", `["shop","1"]`), "claim aud"},
			{"list in a list", claim("aud", `[["shop"]]`), nil, "claim aud"},
			{"prefix", claim("aud", `"shop.evil.example"`), nil, "another audience"},
			{"case", claim("aud", `"Shop"`), nil, "another audience"},
			{"two in a text", claim("aud", `"shop bank"`), nil, "another audience"},
			{"empty", claim("aud", `""`), nil, "another audience"},
		},
		"time": {
			{"expired", times("exp", -31), times("exp", -25), "has expired"},
			{"never expires", claim("exp", ``), nil, "exp is missing"},
			{"exp null", claim("exp", `null`), nil, "exp is no time"},
			{"exp text", claim("exp", `"9999999999"`), claim("exp", `9999999999`), "exp is no time"},
			{"exp negative", claim("exp", `-1`), nil, "exp is no time"},
			{"exp beyond all numbers", claim("exp", `1e999`), claim("exp", `9.9e9`), "exp is no time"},
			{"exp beyond all years", claim("exp", `1e15`), nil, "exp is no time"},
			{"exp in milliseconds", claim("exp", `1999999999999`), claim("exp", `1999999999.5`), "exp is no time"},
			{"exp true", claim("exp", `true`), nil, "exp is no time"},
			{"not yet", times("nbf", 40), times("nbf", 20), "not valid yet"},
			{"nbf text", claim("nbf", `"0"`), claim("nbf", `0`), "nbf is no time"},
			{"from the future", times("iat", 40), times("iat", 20), "in the future"},
			{"iat text", claim("iat", `"0"`), claim("iat", ``), "iat is no time"},
		},
		"caller": {
			{"no sub", claim("sub", ``), nil, "sub is missing"},
			{"sub empty", claim("sub", `""`), claim("sub", `"a"`), "claim sub"},
			{"sub number", claim("sub", `1`), claim("sub", `"1"`), "claim sub"},
			{"sub null", claim("sub", `null`), nil, "claim sub"},
			{"sub list", claim("sub", `["alice"]`), nil, "claim sub"},
			{"sub with NUL", claim("sub", `"alice\u0000"`), nil, "claim sub"},
			{"sub with a line break", claim("sub", `"alice\nlevel=ERROR"`), claim("sub", `"alice level=ERROR"`), "claim sub"},
			{"sub with an escape", claim("sub", `"\u001b[31m"`), nil, "claim sub"},
			{"sub with a C1 control", claim("sub", `"alice\u0085"`), nil, "claim sub"},
			{"sub too long", claim("sub", `"`+strings.Repeat("a", 513)+`"`), claim("sub", `"`+strings.Repeat("a", 512)+`"`), "claim sub"},
			{"scope number", claim("scope", `1`), claim("scope", ``), "claim scope"},
			{"scope object", claim("scope", `{"admin":true}`), claim("scope", `["read"]`), "claim scope"},
			{"scope list of numbers", claim("scope", `["read",1]`), nil, "claim scope"},
		},
		"Authorization": {
			{"twice", values(func(s string) []string { return []string{"Bearer " + s, "Bearer " + s} }), nil, "more than one"},
			{"beside another scheme", values(func(s string) []string { return []string{"Basic YTpi", "Bearer " + s} }), nil, "more than one"},
			{"no token", values(func(string) []string { return []string{"Bearer"} }), nil, noBearer},
			{"nothing but a space", values(func(string) []string { return []string{"Bearer "} }), nil, noBearer},
			{"two spaces", values(func(s string) []string { return []string{"Bearer  " + s} }), values(func(s string) []string { return []string{"bearer " + s} }), noBearer},
			{"tab", values(func(s string) []string { return []string{"Bearer\t" + s} }), values(func(s string) []string { return []string{"BEARER " + s} }), noBearer},
			{"space behind", values(func(s string) []string { return []string{"Bearer " + s + " "} }), nil, noBearer},
			{"line break behind", values(func(s string) []string { return []string{"Bearer " + s + "\n"} }), nil, noBearer},
			{"line break inside", whole(func(s string) string { return s[:20] + "\n" + s[20:] }), nil, noBearer},
			{"space inside", whole(func(s string) string { return s[:20] + " " + s[20:] }), nil, noBearer},
			{"no space", values(func(s string) []string { return []string{"Bearer" + s} }), nil, noBearer},
			{"quoted", values(func(s string) []string { return []string{`Bearer "` + s + `"`} }), nil, noBearer},
			{"parameter", values(func(s string) []string { return []string{"Bearer token=" + s} }), nil, noBearer},
			{"scheme twice", values(func(s string) []string { return []string{"Bearer bearer " + s} }), nil, noBearer},
			{"no ASCII", whole(func(s string) string { return s[:20] + "é" + s[20:] }), nil, noBearer},
			{"escaped", whole(func(s string) string { return strings.ReplaceAll(s, ".", "%2E") }), nil, noBearer},
		},
	}
}

// next is the character of the alphabet behind one, with the same bits that count.
func next(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)+1])
}

// loose sets a bit behind the end of a part, if there is one; otherwise it adds a character that stands for nothing.
func loose(part string) string {
	if len(part)%4 == 0 {
		return part + "A"
	}
	return part[:len(part)-1] + next(part[len(part)-1])
}

// swap replaces a text in a part.
func swap(part, from, to string) string {
	text, _ := base64.RawURLEncoding.DecodeString(part)
	return encode([]byte(replace(string(text), from, to)))
}

// TestAttacks: each is refused for what is wrong with it, and what is the same but for that is accepted.
func TestAttacks(t *testing.T) {
	t.Parallel()
	provider := openJWT(t, &issuer{keys: published()}, nil)
	accept(t, provider, newDraft()) // keys are there
	count := 0
	for kind, rows := range attacks() {
		count += len(rows)
		for _, row := range rows {
			t.Run(kind+"/"+row.name, func(t *testing.T) {
				t.Parallel()
				good, bad := newDraft(), newDraft()
				if row.good != nil {
					row.good(good)
				}
				row.bad(bad)
				accept(t, provider, good)
				if reason := refused(t, provider, bad); !strings.Contains(reason, row.reason) {
					t.Errorf("refused because %q, want %q", reason, row.reason)
				}
				accept(t, provider, good)
			})
		}
	}
	t.Logf("%d attacks", count)
	if count < 70 {
		t.Errorf("only %d attacks", count)
	}
}

// TestAlgorithms: with every algorithm that there is, a token is accepted; without being listed, none is.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	provider := openJWT(t, &issuer{keys: published()}, nil)
	for algorithm, id := range map[string]string{
		"RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "PS256": "rsa", "PS384": "rsa", "PS512": "rsa", "ES256": "ec", "ES384": "ec384", "ES512": "ec521", "EdDSA": "ed",
	} {
		d := newDraft()
		by(id, algorithm)(d)
		if caller := accept(t, provider, d); caller.ID != "alice" || caller.Issuer != theIssuer || strings.Join(caller.Scopes, ",") != "read,write" {
			t.Errorf("%s: caller = %+v", algorithm, caller)
		}
	}
	defaults := openJWT(t, &issuer{keys: published()}, func(config *identityConfig) { config.Algorithms = nil })
	d := newDraft()
	by("ec384", "ES384")(d)
	if reason := refused(t, defaults, d); !strings.Contains(reason, notAllowed) {
		t.Errorf("refused because %q", reason)
	}
}
