package rl_test

import (
	"fmt"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/rltest"
)

// task is an algorithm on CartPole-v1: its reference hyper-parameters, and how
// many steps it is given.
type task struct {
	name   string
	copies int
	steps  int // of the full run; annealing is over them
	learn  func(t testing.TB, env rl.Environment, seed uint64, horizon int) rl.Learner
}

func cartPoleTasks() []task {
	return []task{
		{"ppo", 4, 500_000, newPPO}, // CleanRL's ppo.py
		{"a2c", 16, 500_000, newA2C},
		{"dqn", 1, 500_000, newDQN},
	}
}

func newPPO(t testing.TB, env rl.Environment, seed uint64, horizon int) rl.Learner {
	config := rl.DefaultPPO()
	config.Seed, config.Horizon = seed, horizon
	l, err := rl.NewPPO(config, env)
	return made(t, l, err)
}

func newA2C(t testing.TB, env rl.Environment, seed uint64, horizon int) rl.Learner {
	config := rl.DefaultA2C()
	config.Seed, config.Horizon = seed, horizon
	l, err := rl.NewA2C(config, env)
	return made(t, l, err)
}

func newDQN(t testing.TB, env rl.Environment, seed uint64, horizon int) rl.Learner {
	config := rl.DefaultDQN()
	config.Seed, config.Horizon = seed, horizon
	l, err := rl.NewDQN(config, env)
	return made(t, l, err)
}

func made[L rl.Learner](t testing.TB, l L, err error) rl.Learner {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// solved is the mean return over 100 episodes at which Gymnasium counts
// CartPole-v1 as solved; 500 is the most.
const solved = 475

// play is the greedy policy's mean return over 100 episodes not learned from.
func play(l rl.Learner, seed uint64) float64 {
	return rltest.Play(rltest.NewCartPole(20, 1000+seed), l.Policy(), 100)
}

// Five seeds of each algorithm learn until the greedy policy has solved it, for
// which a fraction of the full run has to do. Which update to end at is chosen by
// some episodes; what counts is others.
func TestEachAlgorithmSolvesCartPole(t *testing.T) {
	testenv.Long(t)
	for _, task := range cartPoleTasks() {
		t.Run(task.name, func(t *testing.T) {
			t.Parallel()
			total, seeds := 0.0, 5
			for seed := range uint64(seeds) {
				got, steps := learnUntilSolved(t, task, 1+seed)
				t.Logf("seed %d: %.1f after %d steps", 1+seed, got, steps)
				total += got
			}
			if mean := total / float64(seeds); mean < solved {
				t.Errorf("the mean return of %d seeds is %.1f, want at least %d", seeds, mean, solved)
			}
		})
	}
}

// learnUntilSolved returns the mean return of 100 episodes that had no part in
// the choice of when to stop, and the steps until then.
func learnUntilSolved(t *testing.T, task task, seed uint64) (mean float64, steps int) {
	t.Helper()
	env := rltest.NewCartPole(task.copies, seed)
	l := task.learn(t, env, seed, task.steps)
	for steps = 10_000; steps <= task.steps/2; steps += 10_000 {
		if err := l.Learn(t.Context(), env, 10_000, nil); err != nil {
			t.Fatal(err)
		}
		if play(l, seed) >= solved {
			break
		}
	}
	return play(l, 100+seed), steps
}

// The full run of docs/learning-algorithms.md: five seeds of each algorithm.
func BenchmarkCartPole(b *testing.B) {
	for _, task := range cartPoleTasks() {
		total, runs := 0.0, 0
		for seed := uint64(1); seed <= 5; seed++ {
			b.Run(fmt.Sprintf("%s/seed%d", task.name, seed), func(b *testing.B) {
				for b.Loop() {
					env := rltest.NewCartPole(task.copies, seed)
					l := task.learn(b, env, seed, task.steps)
					if err := l.Learn(b.Context(), env, task.steps, nil); err != nil {
						b.Fatal(err)
					}
					got := play(l, seed)
					total, runs = total+got, runs+1
					b.ReportMetric(got, "return")
				}
			})
		}
		if runs > 0 && total/float64(runs) < solved {
			b.Errorf("%s: mean return %.1f of %d runs, want at least %d", task.name, total/float64(runs), runs, solved)
		}
	}
}
