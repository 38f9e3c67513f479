package traefik_test

import (
	"net/http"
	"testing"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/sourcetest"
)

func TestConformance(t *testing.T) {
	for name, way := range map[string]func(*traefik.Config, *traefik.Site){"over HTTP": overHTTP, "in a file": overFile} {
		t.Run(name, func(t *testing.T) {
			p := start(t, way) // one for all: each plane takes over from the one before
			balancertest.Run(t, func(t *testing.T) balancertest.Subject {
				plane, stop := p.controller()
				t.Cleanup(stop)
				return balancertest.Subject{Balancer: plane, URL: p.URL, Blind: true}
			})
		})
	}
}

func TestSourceConformance(t *testing.T) {
	var p *program
	sourcetest.Run(t, sourcetest.Harness{
		Now: clock.System.Now,
		New: func(t *testing.T) source.Source {
			p = start(t, overFile)
			plane := p.plane()
			p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "web", nil)}))
			p.Eventually("a request is counted", func() bool {
				if code, _ := p.Get("/"); code != http.StatusOK {
					t.Fatal(code)
				}
				_, counted := signals(t, plane)[scale.Latency]
				return counted
			})
			return plane
		},
		Signals: traefik.Signals(),
		Break:   func(*testing.T, source.Source) { p.Kill() },
	})
}
