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

// A task whose optimum is known: a wave that comes the same way each time, replicas
// that start within one decision, and a base that keeps half of them idle. The
// oracle's schedule is the cheapest there is, by the cost that is the reward. From
// actions at random PPO comes within a twentieth of it, in some 20 s of a core.
func TestPPOComesNearTheOptimumThatTheOracleKnows(t *testing.T) {
	testenv.Long(t)
	const period = 4 * time.Hour
	actions := learned.Actions{0.5, 0.55, 0.6, 0.7, 0.85, 1, 1.5}
	w := prepared(t, 0.5, wave(period))[0]

	cfg := Default()
	cfg.Copies, cfg.Actions, cfg.Noise, cfg.Timeless = 32, actions, 0, false
	cfg.Price = Price{First: 1, Least: 1, Most: 1, Every: 1}
	env, err := New([]*Workload{w}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ppo, steps := rl.DefaultPPO(), 160_000
	ppo.Hidden, ppo.Rate, ppo.Horizon, ppo.Steps, ppo.Minibatches, ppo.Discount, ppo.Lambda = []int{32, 32}, 1e-3, steps, 64, 8, 0.9, 0.9
	learner, err := rl.NewPPO(ppo, env)
	if err != nil {
		t.Fatal(err)
	}
	regret := func(net *neural.Net) float64 { return Evaluate(w, actions, net).Regret }
	base, before := regret(nil), regret(learner.Policy())
	if err := learner.Learn(context.Background(), env, steps, func(rl.Progress) {}); err != nil {
		t.Fatal(err)
	}
	after := regret(learner.Policy())
	t.Logf("regret: base %.3f, before learning %.3f, after %.4f", base, before, after)
	if base < 0.5 {
		t.Errorf("the base has a regret of %.3f: nothing is left to learn", base)
	}
	if before < 0.15 {
		t.Errorf("the net that learning begins with has a regret of %.3f: it knows already", before)
	}
	if !(after >= 0 && after <= 0.05) {
		t.Errorf("after %d steps the regret is %.4f, want at most 0.05", steps, after)
	}
}

func wave(period time.Duration) sim.Scenario {
	s := scenario(workload.Diurnal{Base: 600, Peak: 2000, Period: period, For: period}, queueing.LeastConn, 120)
	s.Replicas.Startup = s.Sync
	return s
}
