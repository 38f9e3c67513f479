package traefik_test

import (
	"net/http"
	"os"
	"path/filepath"
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
	for name, way := range map[string]struct {
		change func(*traefik.Config, *traefik.Site)
		cut    func(*program) (hinder func(*testing.T) (restore func()))
	}{
		"over HTTP": {overHTTP, (*program).behindGate},
		"in a file": {overFile, (*program).behindLink},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, way.change) // one for all: each plane takes over from the one before
			hinder := way.cut(p)
			balancertest.Run(t, func(t *testing.T) balancertest.Subject {
				plane, stop := p.controller()
				t.Cleanup(func() { stop() })
				return balancertest.Subject{Balancer: plane, URL: p.URL, Blind: true, Hinder: hinder, Takeover: func() (next balancer.Balancer) {
					stop()
					next, stop = p.controller()
					return next
				}}
			})
		})
	}
}

// behindGate puts a gate where Traefik fetches.
func (p *program) behindGate() func(*testing.T) func() {
	fetched := p.cfg.HTTP.Listen
	p.cfg.HTTP.Listen = balancertest.FreeAddress(p.T)
	gate := balancertest.NewGate(p.T, fetched, p.cfg.HTTP.Listen)
	return func(*testing.T) func() {
		gate.Shut()
		return gate.Open
	}
}

// behindLink has Flyball reach the folder that Traefik watches by a link, which
// can lead elsewhere.
func (p *program) behindLink() func(*testing.T) func() {
	watched, link := filepath.Dir(p.cfg.File), filepath.Join(p.dir, "link")
	p.Must(os.Symlink(watched, link))
	p.cfg.File = filepath.Join(link, filepath.Base(p.cfg.File))
	lead := func(to string) {
		p.Must(os.Symlink(to, link+"new"))
		p.Must(os.Rename(link+"new", link))
	}
	return func(t *testing.T) func() {
		lead(t.TempDir())
		return func() { lead(watched) }
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
