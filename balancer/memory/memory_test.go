package memory_test

import (
	"errors"
	"testing"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/memory"
)

func TestConformance(t *testing.T) {
	balancertest.Run(t, func(*testing.T) balancertest.Subject {
		m := &memory.Balancer{}
		return balancertest.Subject{Balancer: m, URL: "http://memory", Transport: m}
	})
}

func TestBeginWithoutBackend(t *testing.T) {
	m := &memory.Balancer{}
	if _, _, err := m.Begin(); !errors.Is(err, memory.ErrNoBackend) {
		t.Errorf("got %v, want ErrNoBackend", err)
	}
	if err := m.SetBackends(t.Context(), []balancer.Backend{{ID: "a"}}); err != nil {
		t.Fatal(err)
	}
	m.SetState("a", balancer.Unhealthy)
	if _, _, err := m.Begin(); !errors.Is(err, memory.ErrNoBackend) {
		t.Errorf("got %v, want ErrNoBackend while the only backend is unhealthy", err)
	}
}
