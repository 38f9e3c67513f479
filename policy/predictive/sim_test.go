package predictive_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// waves are hours of a load that goes from 100 to 600 requests per second and
// back, on replicas of 50/s; 1 % may be late.
func waves() sim.Scenario {
	s := sim.Default()
	s.Objective.Target, s.Replicas.Initial, s.Warmup = 0.99, 4, 30*time.Minute
	s.Load = workload.Diurnal{Base: 100, Peak: 600, Period: time.Hour, For: 150 * time.Minute}
	return s
}

// play plays a policy request by request, and returns what it decided last.
func play(t *testing.T, s sim.Scenario, p policy.Policy) (late, hours float64, last scale.Decision) {
	t.Helper()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	d := decide.New("it", p, guard.Bounds{Min: 1, Max: 100})
	r := sim.Run(&s, sim.NewEvents(&s), d, sim.Options{Decided: func(_ scale.Observation, d scale.Decision) {
		if d.SetBy == decide.SetByPolicy && d.Reason.Code == "Forecast" {
			last = d
		}
	}})
	return r.AvoidableRatio(), r.ReplicaHours(), last
}

func predict(t *testing.T, s sim.Scenario, curves *queueing.Library) *predictive.Policy {
	env := surroundings(curves)
	env.Objective = &s.Objective
	return build(t, predictive.Default(), env)
}

// A rate over a minute that comes every half minute, ten seconds late, and one in
// five of them never: less is known, so more is held, and the objective is kept.
func TestASlowSource(t *testing.T) {
	testenv.Long(t)
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	fast, slow := waves(), waves()
	slow.Metrics.BalancerInterval, slow.Metrics.BalancerWindow = 30*time.Second, time.Minute
	slow.Metrics.Delay, slow.Faults.MetricLoss = 10*time.Second, 0.2
	_, at, _ := play(t, fast, predict(t, fast, curves))
	late, hours, _ := play(t, slow, predict(t, slow, curves))
	t.Logf("fast %.1f replica-hours; slow %.1f, %.4f late", at, hours, late)
	if late > 0.01 || hours > 1.4*at {
		t.Errorf("%.4f are late with %.1f replica-hours; 0.01 may, and who sees at once takes %.1f", late, hours, at)
	}
}

// How long replicas take to start is seen, and so far the forecast looks ahead.
func TestStartsAreLearned(t *testing.T) {
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	for _, startup := range []time.Duration{5 * time.Second, 2 * time.Minute} {
		s := waves()
		s.Replicas.Startup = startup
		late, _, last := play(t, s, predict(t, s, curves))
		// A start is counted from the decision that asked for it to the one that
		// found it ready.
		if horizon := last.Reason.Args[2]; math.Abs(horizon-(startup+sync).Seconds()) > 20 || late > 0.01 {
			t.Errorf("replicas take %v: %.4f are late, and %q", startup, late, last.Reason)
		}
	}
}

// On CPU alone, on a load that moves slowly and on one that jumps, no setting of
// HPA for both has as few requests late with as few replicas.
func TestOnCPUAlone(t *testing.T) {
	testenv.Long(t)
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	smooth, jumps := waves(), waves()
	states := []workload.State{{RPS: 240, Stay: 4 * time.Minute}, {RPS: 300, Stay: 4 * time.Minute}, {RPS: 360, Stay: 4 * time.Minute}}
	jumps.Load = workload.MMPP{States: states, Seed: 1, For: 150 * time.Minute}.Shape()
	both := func(who func(s sim.Scenario) policy.Policy) (late, hours float64) {
		for _, s := range []sim.Scenario{smooth, jumps} {
			s.Metrics.BalancerOff = true
			l, h, _ := play(t, s, who(s))
			late, hours = max(late, l), hours+h
		}
		return late, hours
	}
	late, hours := both(func(s sim.Scenario) policy.Policy { return predict(t, s, curves) })
	t.Logf("predictive: %.4f late, %.1f replica-hours", late, hours)
	for _, target := range []int{50, 60, 70, 80} {
		hpaLate, hpaHours := both(func(sim.Scenario) policy.Policy {
			cfg := hpa.Default()
			cfg.CPUUtilization = target
			p, err := hpa.New(cfg, policy.Env{Min: 1, Max: 100, Sync: sync})
			if err != nil {
				t.Fatal(err)
			}
			return p
		})
		t.Logf("hpa %v %%: %.4f late, %.1f replica-hours", target, hpaLate, hpaHours)
		if late > 0.01 || hpaLate <= late+0.001 && hpaHours <= hours {
			t.Errorf("HPA at %v %%: %.4f late with %.1f replica-hours; predictive %.4f with %.1f", target, hpaLate, hpaHours, late, hours)
		}
	}
}
