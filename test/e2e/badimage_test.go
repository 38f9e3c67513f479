package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/traffictest"
)

// A document with a command that does not work: the old replicas go on, and
// however many more the policy wants, no more of the bad ones are started.
// Once the command is good again the count follows at once.
func TestABadCommandNeverDrivesTheCountUp(t *testing.T) {
	p := newPlace(t)
	const replicas, wanted = 2, 8
	s := p.serve("badimage", fixed(replicas), replicas, nil)
	during := traffictest.Send(t, s.address(), traffictest.Only(traffictest.Gets), 40, 0)
	greedy := func(change func(*app.Spec)) {
		t.Helper()
		spec := p.spec("badimage", fixed(wanted), replicas)
		spec.Max, spec.Rollout = wanted, guard.DefaultRollout()
		if change != nil {
			change(&spec)
		}
		if err := s.Update(context.Background(), spec); err != nil {
			t.Fatal(err)
		}
	}
	greedy(func(spec *app.Spec) { replicaOf(spec).Command = []string{p.program, "sample-app", "--no-such-flag"} })
	for end := clock.System.Now().Add(6 * time.Second); clock.System.Now().Before(end); <-clock.System.After(20 * time.Millisecond) {
		// The one more is that of the rollout, which fails again and again.
		if n := len(p.replicas("badimage")); n > replicas+1 {
			t.Fatalf("%d processes while the command fails, want %d and the failing one", n, replicas)
		}
	}
	greedy(nil)
	s.untilReady(wanted)
	during.End()
	during.Perfect()
}
