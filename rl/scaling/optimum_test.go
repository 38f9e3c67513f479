package scaling

import (
	"context"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// baseTask is a task whose optimum is known: a wave that comes the same way each
// time, replicas that start within one decision, and a base that keeps half of them
// idle. The oracle's schedule is the cheapest there is, by the cost that is the reward.
type baseTask struct {
	load    *Workload
	env     *Environment
	learner *rl.PPO
}

const (
	// stepsOfBaseTask are enough to solve it, nearRegret is when it is solved.
	stepsOfBaseTask = 160_000
	nearRegret      = 0.05
)

func newBaseTask(tb testing.TB, seed uint64) baseTask {
	tb.Helper()
	b := baseTask{load: prepared(tb, 0.5, wave(4*time.Hour))[0]}
	cfg := Default()
	cfg.Copies, cfg.Actions, cfg.Noise, cfg.Timeless, cfg.Seed = 32, learned.Actions{0.5, 0.55, 0.6, 0.7, 0.85, 1, 1.5}, 0, false, seed
	cfg.Price = Price{First: 1, Least: 1, Most: 1, Every: 1}
	ppo := rl.DefaultPPO()
	ppo.Seed, ppo.Hidden, ppo.Rate, ppo.Horizon, ppo.Steps, ppo.Minibatches, ppo.Discount, ppo.Lambda = seed, []int{32, 32}, 1e-3, stepsOfBaseTask, 64, 8, 0.9, 0.9
	var err error
	if b.env, err = New([]*Workload{b.load}, cfg); err == nil {
		b.learner, err = rl.NewPPO(ppo, b.env)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// regret is what a net comes to, nil: the base.
func (b baseTask) regret(net *neural.Net) float64 {
	return Evaluate(b.load, b.env.cfg.Actions, net).Regret
}

// From actions at random PPO comes within a twentieth of the optimum, in some 20 s of
// a core.
func TestPPOComesNearTheOptimumThatTheOracleKnows(t *testing.T) {
	testenv.Long(t)
	task, steps := newBaseTask(t, 1), stepsOfBaseTask
	base, before := task.regret(nil), task.regret(task.learner.Policy())
	if err := task.learner.Learn(context.Background(), task.env, steps, func(rl.Progress) {}); err != nil {
		t.Fatal(err)
	}
	after := task.regret(task.learner.Policy())
	t.Logf("regret: base %.3f, before learning %.3f, after %.4f", base, before, after)
	if base < 0.5 {
		t.Errorf("the base has a regret of %.3f: nothing is left to learn", base)
	}
	if before < 0.15 {
		t.Errorf("the net that learning begins with has a regret of %.3f: it knows already", before)
	}
	if !(after >= 0 && after <= nearRegret) {
		t.Errorf("after %d steps the regret is %.4f, want at most %v", steps, after, nearRegret)
	}
}

func wave(period time.Duration) sim.Scenario {
	s := scenario(workload.Diurnal{Base: 600, Peak: 2000, Period: period, For: period}, queueing.LeastConn, 120)
	s.Replicas.Startup = s.Sync
	return s
}
