//go:build unix

package traefik_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/scale"
)

// A Traefik that is slow to follow may be as slow with requests that it has chosen
// a replica for.
func TestADrainGivesTheTimeThatTraefikTook(t *testing.T) {
	p := start(t, overFile)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil), balancertest.Replica(t, "b", nil)}))
	const stopped = 1500 * time.Millisecond
	p.Signal(syscall.SIGSTOP)
	time.AfterFunc(stopped, func() { p.Signal(syscall.SIGCONT) })
	began := time.Now()
	p.Must(plane.Drain(t.Context(), "b"))
	if took := time.Since(began); took < 2*stopped {
		t.Errorf("drained within %v, want the %v that Traefik took to follow twice", took, stopped)
	}
}

// Of one that drained under a controller before, nothing is known but when Traefik
// sent it no more.
func TestADrainOfOneFromBeforeGivesTimeToSettle(t *testing.T) {
	const settle = 5 * time.Second
	p := start(t, overFile, func(c *traefik.Config, _ *traefik.Site) { c.Settle = scale.Duration(settle) })
	plane := p.plane()
	began := time.Now()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	p.Must(plane.Drain(t.Context(), "before"))
	if took := time.Since(began); took < settle {
		t.Errorf("drained within %v, want %v from when Traefik follows", took, settle)
	}
}
