package control

import (
	"log/slog"
	"testing"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// A decision is never made under a mode or a plan that is over, although the
// planner has not come to hear of it.
func TestADecisionKnowsWhatWasToldBeforeIt(t *testing.T) {
	planned := func(maximum int) Plan {
		p, err := hpa.New(hpa.Default(), policy.Env{})
		if err != nil {
			t.Fatal(err)
		}
		return Plan{Mode: scale.Apply, Sync: time.Minute, MaxAge: time.Minute, Decider: decide.New("hpa", p, guard.Bounds{Min: maximum, Max: maximum})}
	}
	b, overrides, plans := memory.New(), make(chan *record.Override, 1), make(chan Plan, 1)
	decisions, err := Decisions(b, All).Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := Planner{Name: "web", Decisions: Decisions(b, "web"), Memories: Memories(b, "web"), Clock: clock.System,
		Log: slog.New(slog.DiscardHandler), Plans: plans, Overrides: overrides, plan: planned(2)}
	p.seen = newAssembler("web", time.Minute)
	p.seen.take(Report{Target: "web", At: clock.System.Now(), Status: &target.Status{SpecReplicas: 2}})

	overrides <- &record.Override{Mode: scale.Paused}
	plans <- planned(5)
	if !p.decide(t.Context()) {
		t.Fatal("no decision")
	}
	if d := <-decisions; d.Mode != scale.Paused || d.Decision.DesiredReplicas != 5 {
		t.Errorf("got %s and %d replicas, want Paused and the 5 of the newest plan", d.Mode, d.Decision.DesiredReplicas)
	}
}
