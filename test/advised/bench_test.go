package advised

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// A whole decision: the base alone, the same behind the policy advised and its
// envelope while nothing is advised, and with advice. Where the system counts it the processor's time
// is told too: on a machine that others use it is the figure to compare.
//
//	go test ./test/advised -run NONE -bench Decide -count 10 > all && benchstat -col /who all
func BenchmarkDecide(b *testing.B) {
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	seen := observations(b, curves)
	for _, tc := range []struct {
		name   string
		make   func(testing.TB, *queueing.Library) *decide.Decider
		advice bool
	}{{"base", alone, false}, {"unadvised", counselled, false}, {"advised", counselled, true}} {
		b.Run("who="+tc.name, func(b *testing.B) {
			d, n := tc.make(b, curves), 0
			b.ReportAllocs()
			began := processorTime()
			for b.Loop() {
				if n == len(seen) { // begins anew, without being measured
					b.StopTimer()
					paused := processorTime()
					d, n = tc.make(b, curves), 0
					began += processorTime() - paused
					b.StartTimer()
				}
				obs := seen[n]
				if !tc.advice {
					obs.Advice = nil
				}
				d.Decide(obs)
				n++
			}
			if spent := processorTime() - began; spent > 0 {
				b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "cpu-ns/op")
			}
		})
	}
}

// observations are those of some hours, with advice that is two replicas more than
// there are.
func observations(tb testing.TB, curves *queueing.Library) (all []scale.Observation) {
	tb.Helper()
	s := aDay()
	w, err := sim.NewFluid(s, nil)
	if err != nil {
		tb.Fatal(err)
	}
	d := alone(tb, curves)
	for at := s.Sync; at < 4*time.Hour; at += s.Sync {
		w.Advance(at)
		obs := w.Observe()
		n := min(most, obs.CurrentReplicas+2)
		kept := obs.Clone()
		kept.Advice = []scale.Advice{{From: from(), At: obs.At, SeenAt: obs.At, Expires: obs.At.Add(time.Minute), Replicas: &n, Confidence: 1, Reason: "a crowd comes"}}
		all = append(all, kept)
		decision := d.Decide(obs)
		d.Applied(obs.At, obs.CurrentReplicas, decision.DesiredReplicas)
		w.SetReplicas(decision.DesiredReplicas)
	}
	return all
}

func from() string { return advised.Default().Advisor.From() }

func surroundings(curves *queueing.Library) policy.Env {
	s := aDay()
	env := policy.Env{Target: "web", Min: 1, Max: most, Sync: s.Sync, Objective: &s.Objective, Topology: s.Service.Topology, Curves: curves}
	env.Service = capacity.NewLearner(capacity.Config{}, s.Objective, env.Topology, 2*most, curves)
	return env
}

func base(_ scale.Plugin, env policy.Env) (policy.Policy, error) {
	return predictive.New(predictive.Default(), env)
}

func alone(tb testing.TB, curves *queueing.Library) *decide.Decider {
	tb.Helper()
	p, err := base(scale.Plugin{}, surroundings(curves))
	if err != nil {
		tb.Fatal(err)
	}
	return decide.New("predictive", p, guard.Bounds{Min: 1, Max: most})
}

func counselled(tb testing.TB, curves *queueing.Library) *decide.Decider {
	tb.Helper()
	env := surroundings(curves)
	p, err := advised.New(advised.Default(), env, base)
	if err != nil {
		tb.Fatal(err)
	}
	envelope := guard.NewEnvelope(guard.EnvelopeConfig{
		Lambda: 0.2, Min: 1, Max: most, Objective: *env.Objective, Sync: env.Sync, Name: "predictive",
		Expert: alone(tb, curves), Service: surroundings(curves).Service,
	})
	return decide.New("advised", p, envelope, guard.Bounds{Min: 1, Max: most})
}
