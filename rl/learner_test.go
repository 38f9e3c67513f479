package rl_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"runtime"
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
			"final mask":  {func(s *rl.Step) { s.Truncated[3] = true; clear(s.FinalAllowed) }, "copy 3: no action is allowed in the final"},
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
