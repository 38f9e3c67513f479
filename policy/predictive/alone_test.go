package predictive_test

import (
	"slices"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// follower lets a policy decide on what a balancer alone measures, and keeps the
// share of decisions in which it said that no number of replicas suffices.
type follower struct {
	policy      *predictive.Policy
	most        int
	said, asked int
	last        bool // it is said by the newest
}

func (f *follower) Decide(obs scale.Observation) scale.Decision {
	obs.Signals = slices.DeleteFunc(slices.Clone(obs.Signals), func(s scale.Signal) bool {
		return s.Name == scale.Utilization || s.Name == scale.CPUUtilization
	})
	d := scale.Decision{CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: obs.CurrentReplicas}
	if r, err := f.policy.Recommend(obs); err == nil {
		d.DesiredReplicas = min(f.most, max(1, r.Replicas))
	}
	f.asked++
	f.last = slices.ContainsFunc(f.policy.Conditions(), func(c scale.GuardCondition) bool { return c.Reason.Code == "ObjectiveInfeasible" })
	if f.last {
		f.said++
	}
	return d
}

func (*follower) Applied(time.Time, int, int) {}

func follow(t *testing.T, s sim.Scenario, most int, target float64) *follower {
	t.Helper()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	env := surroundings(queueing.NewLibrary(queueing.DefaultLibrary))
	env.Max, env.Sync, env.Objective.Target = most, s.Sync, target
	f := &follower{policy: build(t, predictive.Default(), env), most: most}
	sim.Run(&s, sim.NewEvents(&s), f, sim.Options{})
	return f
}

// growing is a load that goes from 10 to 90 requests per second in a minute, and ends
// after three.
func growing() workload.Steps {
	steps := workload.Steps{{RPS: 10, For: time.Minute}}
	for rps := 10.0; rps < 90; rps += 8 {
		steps = append(steps, workload.Level{RPS: rps, For: 6 * time.Second})
	}
	return append(steps, workload.Level{RPS: 90, For: 3 * time.Minute}, workload.Level{RPS: 2, For: 3 * time.Minute})
}

// A service of 80 ms, four at once, keeps 500 ms with ease. While a load that grows
// ninefold waits in line at one replica, or at fewer than it takes, that line is the
// reason, and so it is after it.
func TestALineIsNoServiceThatTakesLong(t *testing.T) {
	for _, most := range []int{1, 3} {
		s := sim.Default()
		s.Sync, s.Warmup = 5*time.Second, 0
		s.Replicas.Initial, s.Replicas.Startup = 1, 3*time.Second
		s.Load = growing()
		if f := follow(t, s, most, 0.95); f.said > 0 {
			t.Errorf("up to %d replicas: in %d of %d decisions the service alone is said to take too long", most, f.said, f.asked)
		}
	}
}

// One that takes long by itself is told as such, from response times alone.
func TestAServiceThatTakesLongIsSeen(t *testing.T) {
	s := sim.Default()
	s.Sync, s.Warmup = 5*time.Second, 0
	s.Replicas.Initial, s.Replicas.Startup = 1, 3*time.Second
	s.Service = queueing.Service{Law: queueing.Lognormal(0.4, 0.5), Slots: 4}
	s.Objective.Target = 0.7 // a quarter takes longer than 500 ms
	s.Load = workload.Constant{RPS: 20, For: 5 * time.Minute}
	if f := follow(t, s, 20, 0.95); !f.last {
		t.Errorf("said in %d of %d decisions that no number of replicas keeps the objective, and not in the last", f.said, f.asked)
	}
}

// What is proven ends with the load, and replicas that fail prove nothing.
func TestTheProofOfASlowServiceEnds(t *testing.T) {
	for name, errors := range map[string]float64{"slow": 0, "broken": 10} {
		s := tell(t, predictive.Default(), environment())
		slow := func(rate float64) func() {
			return func() {
				var answers series.Histogram
				answers.AddN(2, uint64(10*rate))
				latency := scaletest.Fresh(scale.Latency, scaletest.At(0), 2)
				latency.Distribution, latency.Window = &answers, 10*time.Second
				s.replicas = 10
				arrivals := scaletest.Fresh(scale.RequestRate, scaletest.At(0), rate)
				arrivals.Window = 10 * time.Second
				s.sees(arrivals, latency,
					scaletest.Fresh(scale.Concurrency, scaletest.At(0), 0.2*rate), scaletest.Fresh(scale.ErrorRate, scaletest.At(0), min(rate, errors)))
			}
		}
		for range 5 {
			slow(10)()
		}
		if _, holds := s.condition("ObjectiveInfeasible"); holds != (errors == 0) {
			t.Errorf("%s: holds %v", name, holds)
		}
		slow(0)()
		if _, holds := s.condition("ObjectiveInfeasible"); holds {
			t.Errorf("%s: holds without load", name)
		}
	}
}
