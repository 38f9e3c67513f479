package traefik_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/scale"
)

// A changed document is in force when the call returns, and no request is lost
// to it.
func TestAChangedConfigurationIsTakenOver(t *testing.T) {
	for name, way := range map[string]func(*traefik.Config, *traefik.Site){"over HTTP": overHTTP, "in a file": overFile} {
		t.Run(name, func(t *testing.T) {
			p := start(t, way)
			plane := p.plane()
			cfg := p.cfg
			cfg.Attempts = 2
			p.Reconfigured(plane, &cfg) // before any replica is known
			p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", balancertest.Echo), balancertest.Replica(t, "b", balancertest.Echo)}))
			p.NothingLost(func() {
				cfg.Attempts, cfg.BreakAbove = 4, 0
				p.Reconfigured(plane, &cfg)
				cfg.ResponseTimeout, cfg.IdleTimeout, cfg.PollInterval = scale.Duration(7*time.Second), scale.Duration(time.Second), scale.Duration(50*time.Millisecond)
				p.Reconfigured(plane, &cfg)
				cfg.Health.Path, cfg.Health.Interval = "/", scale.Duration(200*time.Millisecond)
				p.Reconfigured(plane, &cfg)
				cfg.Route.Rule = `PathPrefix("/") && !PathPrefix("/secret")`
				p.Reconfigured(plane, &cfg)
			})
			if code, _ := p.Get("/secret"); code != http.StatusNotFound {
				t.Errorf("what the new rule leaves out is answered %d, want 404", code)
			}
			cfg.Threshold = scale.Duration(time.Nanosecond)
			p.Reconfigured(plane, &cfg)
			p.Eventually("requests are slow by the new threshold", func() bool {
				p.Get("/")
				return signals(t, plane)[scale.ViolationRatio] > 0
			})
			cfg.Service = "other"
			p.Refuses(plane, &cfg, "balancer.traefik.service: needs a restart of the controller; without one may change: route, health, ")
			cfg.Service, cfg.HTTP.Listen = p.cfg.Service, "127.0.0.1:1"
			p.Refuses(plane, &cfg, "balancer.traefik.http: needs a restart of the controller")
		})
	}
}
