package identity_test

import (
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/identity"
)

// BenchmarkJWT is what a caller costs: of a token that was verified not long ago, and of one that is new.
func BenchmarkJWT(b *testing.B) {
	provider := openJWT(b, &issuer{keys: published()}, nil)
	chain := identity.NewChain(provider)
	for _, id := range []string{"rsa", "ec", "ed"} {
		d := newDraft()
		by(id, map[string]string{"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}[id])(d)
		proof := d.proof()
		b.Run(id+"/kept", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := chain.Identify(b.Context(), proof, false); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(id+"/new", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				identity.Forget(provider)
				if _, err := chain.Identify(b.Context(), proof, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
