package builtin

import (
	"testing"

	"github.com/flyball-io/flyball/balancer/balancertest"
)

func TestConformance(t *testing.T) {
	for _, algorithm := range []string{LeastConnections, PowerOfTwo} {
		t.Run(algorithm, func(t *testing.T) {
			balancertest.Run(t, func(t *testing.T) balancertest.Subject {
				r := start(t, func(c *Config) { c.Algorithm = algorithm })
				return balancertest.Subject{Balancer: r, URL: r.url}
			})
		})
	}
}
