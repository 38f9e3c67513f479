//go:build linux

package nginx_test

import (
	"os"
	"testing"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/nginx"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/sourcetest"
)

func TestConformance(t *testing.T) {
	balancertest.Run(t, func(t *testing.T) balancertest.Subject {
		p := start(t, nil)
		plane, crash := p.controller()
		return balancertest.Subject{Balancer: plane, URL: p.URL, Hinder: p.refuseReload, Takeover: func() balancer.Balancer { crash(); return p.plane() }}
	})
}

// refuseReload spoils what an operator wrote.
func (p *program) refuseReload(*testing.T) (restore func()) {
	good, err := os.ReadFile(p.cfg.ConfigFile)
	p.Must(err)
	p.Must(os.WriteFile(p.cfg.ConfigFile, append(good, "\nspoilt;\n"...), 0o600))
	return func() { p.Must(os.WriteFile(p.cfg.ConfigFile, good, 0o600)) }
}

func TestSourceConformance(t *testing.T) {
	for name, change := range map[string]func(*nginx.Config, *nginx.Site){
		"log over UDP":            nil,
		"log over UDP, no status": func(c *nginx.Config, _ *nginx.Site) { c.Status = "" },
		"log in a file":           func(c *nginx.Config, _ *nginx.Site) { c.Log = nginx.Log{File: c.PIDFile + ".log"} },
	} {
		t.Run(name, func(t *testing.T) {
			var p *program
			sourcetest.Run(t, sourcetest.Harness{
				Now: clock.System.Now,
				New: func(t *testing.T) source.Source {
					p = start(t, change)
					plane := p.plane()
					p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "web", nil)}))
					p.Get("/")
					p.Eventually("the request is counted", func() bool {
						_, there := signals(t, plane)[scale.Latency]
						return there
					})
					return plane
				},
				Signals: nginx.Signals(),
				Break:   func(*testing.T, source.Source) { p.Kill() },
			})
		})
	}
}

func signals(t *testing.T, plane *nginx.Plane) map[string]float64 {
	t.Helper()
	samples, err := plane.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, s := range samples {
		if s.Replica == "" {
			out[s.Signal] = s.Value
		}
	}
	return out
}
