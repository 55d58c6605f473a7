package plan_test

import (
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// TestRedisEgress: what is sent to Redis is a part of the outbound surface.
func TestRedisEgress(t *testing.T) {
	t.Parallel()
	project := &plan.Plan{Redis: &plan.Redis{
		Addresses: []string{"one.internal:6379", "two.internal:6379"}, Password: plan.Secret{Env: "REDIS_PASSWORD"}, TLS: &plan.TLS{},
	}}
	var text strings.Builder
	if err := plan.WriteEgress(&text, project.Egress()); err != nil {
		t.Fatal(err)
	}
	const want = `redis:  rediss://one.internal:6379  any  password from variable REDIS_PASSWORD

redis:  rediss://two.internal:6379  any  password from variable REDIS_PASSWORD
`
	if text.String() != want {
		t.Errorf("egress = %s", text.String())
	}
}
