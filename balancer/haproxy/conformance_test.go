package haproxy_test

import (
	"os"
	"testing"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/sourcetest"
)

func TestConformance(t *testing.T) {
	balancertest.Run(t, func(t *testing.T) balancertest.Subject {
		p := start(t, 8, nil)
		plane, crash := p.controllerWith(p.cfg)
		return balancertest.Subject{Balancer: plane, URL: p.URL, Hinder: p.hideSocket, Takeover: func() balancer.Balancer { crash(); return p.plane() }}
	})
}

// hideSocket takes the runtime API away.
func (p *program) hideSocket(*testing.T) (restore func()) {
	p.Must(os.Rename(p.cfg.Socket, p.cfg.Socket+"x"))
	return func() { p.Must(os.Rename(p.cfg.Socket+"x", p.cfg.Socket)) }
}

func TestSourceConformance(t *testing.T) {
	var p *program
	sourcetest.Run(t, sourcetest.Harness{
		Now: clock.System.Now,
		New: func(t *testing.T) source.Source {
			p = start(t, 4, nil)
			plane := p.plane()
			web := balancertest.Replica(t, "web", nil)
			p.Must(plane.SetBackends(t.Context(), []balancer.Backend{web}))
			p.Get("/")
			p.Eventually("the request is counted", func() bool {
				samples, err := plane.Collect(t.Context())
				p.Must(err)
				for _, s := range samples {
					if s.Signal == scale.Latency {
						return true
					}
				}
				return false
			})
			return plane
		},
		Signals: haproxy.Signals(),
		Break:   func(*testing.T, source.Source) { p.Kill() },
	})
}
