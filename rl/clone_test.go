package rl_test

import (
	"math"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/rltest"
)

// Cloning learns what a teacher does, and a learner goes on from there.
func TestCloneLearnsWhatATeacherDoes(t *testing.T) {
	env := rltest.NewCartPole(16, 1)
	step, actions := rl.NewStep(env), make([]int, 16)
	d := &rl.Demonstrations{Width: 4, Actions: 2}
	env.Reset(step)
	for range 400 {
		for c := range actions {
			row := step.Observations[4*c : 4*c+4]
			actions[c] = teacher(row)
			d.Add(row, step.Allowed[2*c:2*c+2], actions[c])
		}
		env.Act(actions, step)
	}
	l := newPPO(t, env, 1, 0).(*rl.PPO)
	policy := l.Policy()
	var curve []rl.Progress
	config := rl.DefaultClone()
	config.Batch, config.Epochs = 64, 40
	if err := rl.Clone(t.Context(), policy, d, config, func(p rl.Progress) { curve = append(curve, p) }); err != nil {
		t.Fatal(err)
	}
	if last := curve[len(curve)-1].Figures; last[1].Name != "agreement" || last[1].Value < 0.97 || last[0].Value >= curve[0].Figures[0].Value {
		t.Errorf("the last pass: %v, the first: %v", last, curve[0].Figures)
	}
	if err := l.Adopt(policy); err != nil {
		t.Fatal(err)
	}
	if got := play(l, 1); got < 475 {
		t.Errorf("what was cloned has the mean return %v, its teacher 500", got)
	}
	if err := l.Adopt(newDQN(t, env, 1, 1).Policy()); err == nil {
		t.Error("a policy of another shape was adopted")
	}
}

// teacher balances the pole: it pushes where the pole falls, and a little to where the cart should go.
func teacher(o []float32) int {
	if o[2]+0.3*o[3]+0.05*o[0]+0.1*o[1] > 0 {
		return 1
	}
	return 0
}

func TestImpossibleDemonstrationsAreRefused(t *testing.T) {
	policy, err := neural.New(2, neural.Layer{Outputs: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		d    rl.Demonstrations
		want string
	}{
		{rl.Demonstrations{Width: 2, Actions: 2}, "0 rows"},
		{rl.Demonstrations{2, 2, []float32{1, 1}, []bool{true, false}, []int{1}}, "row 0 chose action 1, which is not allowed"},
		{rl.Demonstrations{2, 2, []float32{1, 1}, []bool{true, false}, []int{7}}, "row 0 chose action 7"},
		{rl.Demonstrations{2, 2, []float32{1, float32(math.NaN())}, []bool{true, true}, []int{1}}, "not finite"},
		{rl.Demonstrations{1, 2, []float32{1}, []bool{true, true}, []int{1}}, "the policy has 2 inputs"},
	} {
		if err := rl.Clone(t.Context(), policy, &tc.d, rl.DefaultClone(), nil); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %q", err, tc.want)
		}
	}
}
