package training

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/rl"
)

// diverging is a learner that is no longer finite.
type diverging struct{ rl.Learner }

func (diverging) Learn(context.Context, rl.Environment, int, func(rl.Progress)) error {
	return errors.New("step 9: the gradient's length is NaN")
}

// One seed that diverges costs no other its model, nor its own what it had.
func TestASeedThatDivergesIsToldAndOthersAreKept(t *testing.T) {
	testenv.Long(t)
	c, dir := small(t, "a2c"), t.TempDir()
	c.Seeds, c.Steps = 2, 1200
	job := Job{Config: c, Dir: dir, Ground: ground(t, c)}
	sessions, err := job.sessions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sessions[1].learner = diverging{sessions[1].learner}
	if err := job.run(t.Context(), sessions); err != nil {
		t.Fatal(err)
	}
	r, err := job.result(sessions)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failed) != 1 || r.Failed[0] != (Failure{2, "step 9: the gradient's length is NaN"}) || r.Model == nil {
		t.Errorf("got %+v and a model: %v; want that seed 2 failed, and a model", r.Failed, r.Model != nil)
	}
	for _, seed := range []string{"seed-1", "seed-2"} {
		if _, err := ReadModel(filepath.Join(dir, seed, ModelFile)); err != nil {
			t.Errorf("%s: %v", seed, err)
		}
	}
	// It has ended: nothing is tried again, and it is told again.
	job.Resume = true
	if err := job.writeConfig(); err != nil {
		t.Fatal(err)
	}
	again, err := Train(t.Context(), job)
	if err != nil || len(again.Failed) != 1 || again.Failed[0] != r.Failed[0] {
		t.Errorf("resumed: got %+v, %v", again.Failed, err)
	}
}

// With a rate like this nothing is finite for long: what it began with is left.
func TestATrainingThatDivergesKeepsItsBest(t *testing.T) {
	testenv.Long(t)
	c := small(t, "ppo")
	c.Learner = []byte(`{"rate": 1e30}`)
	r, err := Train(t.Context(), Job{Config: c, Dir: t.TempDir(), Ground: ground(t, c)})
	if err != nil || len(r.Failed) != 1 || r.Model == nil || len(r.Seeds) != 1 || !(r.Verdict.OverBase > 0) {
		t.Errorf("got %v, failures %+v, %+v; want one failure and the best that was judged", err, r.Failed, r.Verdict)
	}
}
