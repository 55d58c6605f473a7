package identity

// Forget forgets the tokens that were verified.
func Forget(bearer *Bearer) {
	for _, one := range bearer.jwts {
		one.tokens = newKept[verified](maxKeptTokens)
	}
}
