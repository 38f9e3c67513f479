package scaling

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/rl"
)

// Put back where it was, an environment answers as if it had never been away:
// lines, starts under way, the price and what is drawn.
func TestAnEnvironmentGoesOnFromItsSnapshot(t *testing.T) {
	workloads := several(t, 0.7)
	cfg := Default()
	cfg.Copies, cfg.Episode, cfg.Price.Every = 8, 40, 100
	made := func() (*Environment, *rl.Step) {
		env, err := New(workloads, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return env, rl.NewStep(env)
	}
	env, step := made()
	env.Reset(step)
	play := func(env *Environment, step *rl.Step, from, to int) (rewards []float32) {
		actions := make([]int, env.Copies())
		for k := from; k < to; k++ {
			for i := range actions {
				actions[i] = (k*7 + i*3) % env.Actions()
			}
			env.Act(actions, step)
			rewards = append(append(rewards, step.Rewards...), step.Observations...)
		}
		return rewards
	}
	play(env, step, 0, 100)
	saved, err := env.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	other, otherStep := made()
	if err := other.Restore(saved); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(play(env, step, 100, 200), play(other, otherStep, 100, 200)); diff != "" {
		t.Errorf("rewards and observations after the snapshot (-never away +put back):\n%s", diff)
	}
	if env.Price() != other.Price() {
		t.Errorf("price: got %v, want %v", other.Price(), env.Price())
	}

	cfg.Copies = 4
	small, _ := made()
	if err := small.Restore(saved); err == nil {
		t.Error("a snapshot of 8 copies was taken by 4")
	}
	if err := other.Restore(saved[:len(saved)/2]); err == nil {
		t.Error("half a snapshot was taken")
	}
}
