package rl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/rltest"
)

// walker is an algorithm set up for the corridor.
type walker struct {
	name  string
	steps int
	make  func(t testing.TB, env rl.Environment) rl.Learner
}

// corridorDiscount makes both ends worth going to.
const corridorDiscount = 0.7

func walkers() []walker {
	return []walker{
		{"ppo", 40_000, func(t testing.TB, env rl.Environment) rl.Learner {
			c := rl.DefaultPPO()
			c.Discount, c.Horizon, c.Hidden, c.Rate = corridorDiscount, 40_000, []int{16}, 2.5e-3
			l, err := rl.NewPPO(c, env)
			return made(t, l, err)
		}},
		{"a2c", 40_000, func(t testing.TB, env rl.Environment) rl.Learner {
			c := rl.DefaultA2C()
			c.Discount, c.Horizon, c.Hidden, c.Rate = corridorDiscount, 40_000, []int{16}, 2e-3
			l, err := rl.NewA2C(c, env)
			return made(t, l, err)
		}},
		{"dqn", 20_000, func(t testing.TB, env rl.Environment) rl.Learner {
			c := rl.DefaultDQN()
			c.Discount, c.Horizon, c.Hidden, c.Rate = corridorDiscount, 20_000, []int{16}, 2e-3
			c.Start, c.Batch, c.TargetEvery, c.Buffer = 500, 64, 200, 5000
			l, err := rl.NewDQN(c, env)
			return made(t, l, err)
		}},
	}
}

// The best policy of the corridor is known, and so is what each room is worth.
func TestEachAlgorithmFindsTheOptimumOfTheCorridor(t *testing.T) {
	values, best := rltest.CorridorValues(corridorDiscount)
	if best[0] != 0 || best[5] != 1 {
		t.Fatalf("the corridor's optimum %v is no choice", best)
	}
	for _, w := range walkers() {
		t.Run(w.name, func(t *testing.T) {
			env := rltest.NewCorridor(8, 1)
			l := w.make(t, env)
			if err := l.Learn(t.Context(), env, w.steps, nil); err != nil {
				t.Fatal(err)
			}
			policy := l.Policy()
			rooms, numbers := make([]float32, 36), make([]float32, 18)
			for r := range 6 {
				rooms[7*r] = 1
			}
			policy.NewInference().Infer(rooms, numbers)
			for r := range 6 {
				row := numbers[3*r : 3*r+3]
				if got := rl.Best(row, []bool{true, true, false}); got != best[r] {
					t.Errorf("room %d: action %d, want %d", r, got, best[r])
				}
				if w.name == "dqn" && math.Abs(float64(row[best[r]])-values[r]) > 0.1 {
					t.Errorf("room %d: Q %v, want %v", r, row[best[r]], values[r])
				}
			}
		})
	}
}

// Seeds in, the same bytes out: on any number of cores.
func TestTheSameBytesOnAnyNumberOfCores(t *testing.T) {
	for _, w := range walkers() {
		t.Run(w.name, func(t *testing.T) {
			var first []byte
			for _, cores := range []int{1, 2, 8} {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
				env := rltest.NewCorridor(64, 1) // so that minibatches are of several parts
				l := w.make(t, env)
				if err := l.Learn(t.Context(), env, 8192, nil); err != nil {
					t.Fatal(err)
				}
				got, err := l.Checkpoint()
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = got
				} else if !bytes.Equal(first, got) {
					t.Errorf("on %d cores the checkpoint differs from that on 1", cores)
				}
			}
		})
	}
}

// A checkpoint taken on the way goes on to the bytes of the run without a break,
// and to the same learning curve.
func TestACheckpointGoesOnToTheSameBytes(t *testing.T) {
	for _, w := range walkers() {
		t.Run(w.name, func(t *testing.T) {
			env := rltest.NewCorridor(8, 1)
			l := w.make(t, env)
			var middle []byte
			var at int
			var curve, resumed []rl.Progress
			learn(t, l, env, 6000, func(p rl.Progress) {
				if middle == nil && p.Steps >= 3000 {
					middle, at = checkpoint(t, l), p.Steps
				} else if middle != nil {
					curve = append(curve, p)
				}
			})
			other := rltest.NewCorridor(8, 99)
			again := w.make(t, other)
			if err := again.Resume(middle); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(checkpoint(t, again), middle) {
				t.Error("a checkpoint of what was just resumed differs")
			}
			learn(t, again, other, 6000-at, func(p rl.Progress) { resumed = append(resumed, p) })
			if !bytes.Equal(checkpoint(t, again), checkpoint(t, l)) {
				t.Error("the bytes differ from those of the run without a break")
			}
			if got, want := fmt.Sprint(resumed), fmt.Sprint(curve); got != want || len(curve) < 2 {
				t.Errorf("the curve goes on with %v, without a break with %v", got, want)
			}
		})
	}
}

func learn(t *testing.T, l rl.Learner, env rl.Environment, steps int, progress func(rl.Progress)) {
	t.Helper()
	if err := l.Learn(t.Context(), env, steps, progress); err != nil {
		t.Fatal(err)
	}
}

func checkpoint(t *testing.T, l rl.Learner) []byte {
	t.Helper()
	c, err := l.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Damaged, cut off, of another algorithm, configuration or size: refused with
// the reason, and the learner is as before.
func TestForeignCheckpointsAreRefused(t *testing.T) {
	env := rltest.NewCorridor(8, 1)
	all := walkers()
	good := map[string][]byte{}
	for _, w := range all {
		good[w.name] = checkpoint(t, w.make(t, env))
	}
	for _, w := range all {
		l := w.make(t, env)
		own := good[w.name]
		damaged := slices.Clone(own)
		damaged[len(damaged)/2] ^= 1
		other := "a2c"
		if w.name == other {
			other = "ppo"
		}
		for _, tc := range []struct {
			name, want string
			data       []byte
		}{
			{"empty", "not a checkpoint", nil},
			{"foreign", "not a checkpoint", []byte("GIF89a")},
			{"the beginning alone", "truncated or damaged", own[:24]},
			{"cut off", "truncated or damaged", own[:len(own)-7]},
			{"damaged", "truncated or damaged", damaged},
			{"of another algorithm", "it is of " + other, good[other]},
			{"of another environment", "it is for an environment of", checkpoint(t, w.make(t, rltest.NewCorridor(9, 1)))},
		} {
			if err := l.Resume(tc.data); !errors.Is(err, rl.ErrCheckpoint) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s, %s: %v, want %q", w.name, tc.name, err, tc.want)
			}
		}
		if !bytes.Equal(checkpoint(t, l), own) {
			t.Errorf("%s: a refused checkpoint changed the learner", w.name)
		}
	}
	config := rl.DefaultPPO()
	one, _ := rl.NewPPO(config, env)
	config.Rate *= 2
	two, _ := rl.NewPPO(config, env)
	if err := two.Resume(checkpoint(t, one)); err == nil || !strings.Contains(err.Error(), "of the configuration") {
		t.Errorf("of another configuration: %v", err)
	}
}

// broken spoils one thing of the corridor after a while.
type broken struct {
	*rltest.Corridor
	after int
	spoil func(step *rl.Step)
}

func (b *broken) Act(actions []int, step *rl.Step) {
	b.Corridor.Act(actions, step)
	if b.after--; b.after <= 0 {
		b.spoil(step)
	}
}

// One NaN would be in every parameter after one update: learning ends instead,
// and what was learned stays.
func TestABrokenEnvironmentEndsLearning(t *testing.T) {
	nan := float32(math.NaN())
	for _, w := range walkers() {
		for name, tc := range map[string]struct {
			spoil func(step *rl.Step)
			want  string
		}{
			"observation": {func(s *rl.Step) { s.Observations[7] = nan }, "copy 1: observation [0"},
			"reward":      {func(s *rl.Step) { s.Rewards[2] = float32(math.Inf(1)) }, "reward +Inf is not finite"},
			"final":       {func(s *rl.Step) { s.Truncated[3], s.Final[18] = true, nan }, "copy 3: the final observation"},
			"no action":   {func(s *rl.Step) { s.Allowed[0], s.Allowed[1] = false, false }, "copy 0: no action is allowed"},
		} {
			env := &broken{rltest.NewCorridor(8, 1), 300, tc.spoil}
			l := w.make(t, env)
			if err := l.Learn(t.Context(), env, 10_000, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s, %s: %v, want %q", w.name, name, err, tc.want)
			}
			if !neural.Finite(l.Policy().Parameters()) {
				t.Errorf("%s, %s: the policy is no longer finite", w.name, name)
			}
		}
		env := &broken{rltest.NewCorridor(8, 1), 100, func(s *rl.Step) { s.Rewards[0] = math.MaxFloat32 }}
		l := w.make(t, env)
		if err := l.Learn(t.Context(), env, 5000, nil); err != nil && !strings.Contains(err.Error(), "the gradient's length") {
			t.Errorf("%s, rewards without measure: %v", w.name, err)
		}
		if !neural.Finite(l.Policy().Parameters()) {
			t.Errorf("%s: rewards without measure left a policy that is not finite", w.name)
		}
	}
}

func TestLearningEndsWithItsContext(t *testing.T) {
	for _, w := range walkers() {
		env := rltest.NewCorridor(8, 1)
		l := w.make(t, env)
		ctx, cancel := context.WithCancel(t.Context())
		updates := 0
		err := l.Learn(ctx, env, 1<<40, func(rl.Progress) {
			if updates++; updates == 3 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || updates != 3 {
			t.Errorf("%s: %v after %d updates, want it cancelled after 3", w.name, err, updates)
		}
	}
}

func TestAnEnvironmentOfAnotherSizeIsRefused(t *testing.T) {
	for _, w := range walkers() {
		l := w.make(t, rltest.NewCorridor(8, 1))
		if err := l.Learn(t.Context(), rltest.NewCartPole(8, 1), 10, nil); err == nil || !strings.Contains(err.Error(), "but the learner is for") {
			t.Errorf("%s: %v", w.name, err)
		}
	}
}

func TestImpossibleConfigurationsAreRefused(t *testing.T) {
	env := rltest.NewCorridor(2, 1)
	ppo, a2c, dqn := rl.DefaultPPO(), rl.DefaultA2C(), rl.DefaultDQN()
	ppo.Rate, ppo.Discount, ppo.Epochs = 0, 1.5, 0
	a2c.Entropy, a2c.Steps = math.NaN(), -1
	dqn.Batch, dqn.Buffer, dqn.ExploreTo = 100, 50, -0.1
	_, errPPO := rl.NewPPO(ppo, env)
	_, errA2C := rl.NewA2C(a2c, env)
	_, errDQN := rl.NewDQN(dqn, env)
	few := rl.DefaultPPO()
	few.Steps, few.Minibatches = 1, 3
	_, errFew := rl.NewPPO(few, env)
	for _, tc := range []struct {
		err  error
		want []string
	}{
		{errPPO, []string{"ppo: Rate: must be above 0, not 0", "Discount: must be from 0 to 1, not 1.5", "Epochs: must be at least 1, not 0"}},
		{errA2C, []string{"a2c: Entropy: must be at least 0, not NaN", "Steps: must be at least 1, not -1"}},
		{errDQN, []string{"dqn: ExploreTo", "buffer 50 and start 10000: must be at least the batch of 100"}},
		{errFew, []string{"3 minibatches of 1 steps of 2 copies"}},
	} {
		for _, want := range tc.want {
			if tc.err == nil || !strings.Contains(tc.err.Error(), want) {
				t.Errorf("%v, want %q", tc.err, want)
			}
		}
	}
}

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
