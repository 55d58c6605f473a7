package policy

// The headers by which a policy speaks with clients, as net/http spells names.
const (
	// IdempotencyKeyHeader is in requests (draft-ietf-httpapi-idempotency-key-header), and ReplayedHeader in answers that are given again.
	IdempotencyKeyHeader = "Idempotency-Key"
	ReplayedHeader       = "Idempotency-Replayed"
	// RateLimitHeader and RateLimitPolicyHeader are in answers and refusals (draft-ietf-httpapi-ratelimit-headers-10). Names of limits are such
	// that they are strings of RFC 9651 as they are.
	RateLimitHeader       = "Ratelimit"
	RateLimitPolicyHeader = "Ratelimit-Policy"
	RetryAfterHeader      = "Retry-After"
)
