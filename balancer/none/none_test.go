package none_test

import (
	"context"
	"testing"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/none"
)

// Whoever scales behind a balancer that is not there is held up by nothing, and
// told of nothing that nobody knows.
func TestNothingIsKnownAndNothingIsWaitedFor(t *testing.T) {
	cfg := none.Default()
	plane, err := cfg.Open(t.Context(), "web", balancer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := plane.SetBackends(t.Context(), []balancer.Backend{{ID: "a", Address: "10.0.0.1:80"}}); err != nil {
		t.Error(err)
	}
	if err := plane.Drain(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if _, known := plane.Load("a"); known {
		t.Error("it knows how busy a replica is")
	}
	if samples, err := plane.Collect(t.Context()); len(samples) != 0 || err != nil || len(plane.Signals()) != 0 {
		t.Errorf("it measures: %v, %v", samples, err)
	}
	if facts := cfg.Facts(); facts.Holds || facts.Listen != "" || len(facts.Signals) != 0 {
		t.Errorf("it promises what it does not do: %+v", facts)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := plane.Run(ctx); err != nil {
		t.Error(err)
	}
}
