package decide_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// learning is the default policy behind an objective floor. What is learned of
// the service they learn together, or each for itself.
func learning(t *testing.T, together bool, curves *queueing.Library) *decide.Decider {
	t.Helper()
	promise := scale.Objective{Threshold: scale.Duration(500 * time.Millisecond), Target: 0.99, Window: scale.Duration(time.Hour)}
	env := policy.Env{Max: 40, Objective: &promise, Sync: 15 * time.Second, Curves: curves}
	if together {
		env.Service = capacity.NewLearner(capacity.Config{}, promise, queueing.LeastConn, 2*env.Max, curves)
	}
	p, err := predictive.New(predictive.Default(), env)
	if err != nil {
		t.Fatal(err)
	}
	return decide.New("predictive", p, &guard.ObjectiveFloor{Objective: promise, Curves: curves, Service: env.Service}, guard.Bounds{Max: env.Max})
}

// Who learns together decides as who learns alone, whatever is observed (in
// between only CPU is), also when restored every few decisions.
func TestLearningTogetherChangesNoDecision(t *testing.T) {
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	for seed := range uint64(10) {
		alone, together := learning(t, false, curves), learning(t, true, curves)
		for i, obs := range scaletest.Hostile(seed, 200) {
			if i%20 == 19 {
				alone, together = restored(t, alone, learning(t, false, curves)), restored(t, together, learning(t, true, curves))
			}
			want, got := fmt.Sprintf("%+v", alone.Decide(obs)), fmt.Sprintf("%+v", together.Decide(obs))
			if got != want {
				t.Fatalf("seed %d, observation %d: together %s\nalone %s", seed, i, got, want)
			}
		}
	}
}

func restored(t *testing.T, from, to *decide.Decider) *decide.Decider {
	t.Helper()
	data, err := from.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Restore(data); err != nil {
		t.Fatal(err)
	}
	return to
}
