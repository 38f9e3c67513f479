package capacity_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// asks is a decider that asks for what a function says.
type asks func(obs scale.Observation) int

func (a asks) Decide(obs scale.Observation) scale.Decision {
	return scale.Decision{CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: a(obs)}
}

func (asks) Applied(time.Time, int, int) {}

// without is an observation of which some signals are not measured.
func without(obs scale.Observation, names ...string) *scale.Observation {
	obs.Signals = slices.DeleteFunc(slices.Clone(obs.Signals), func(s scale.Signal) bool { return slices.Contains(names, s.Name) })
	return &obs
}

func services() []queueing.Service {
	return []queueing.Service{
		{Law: queueing.Lognormal(0.08, 0.5), Slots: 4},
		{Law: queueing.Exponential(0.08), Slots: 4},
		{Law: queueing.Lognormal(0.08, 3), Slots: 4},
		{Law: queueing.Deterministic(0.08), Slots: 4},
		{Law: queueing.Lognormal(0.08, 0.5), Slots: 1},
		{Law: queueing.Lognormal(0.08, 0.5), Slots: 16},
		{Law: queueing.Lognormal(0.08, 0.5), Slots: 4, Sharing: true},
		{Law: queueing.Lognormal(0.08, 0.5), Slots: 4, Topology: queueing.RoundRobin},
	}
}

func name(s queueing.Service) string {
	return fmt.Sprintf("%v, %d slots, %v, sharing %v", s.Law, s.Slots, s.Topology, s.Sharing)
}

// A load that goes to 75 % of what ten replicas carry and back. Learners that
// are told the topology and nothing else, but for what the table says is not
// measured, learn the service:
//
//	measured                   mean     CV      slots     requests/s and replica
//	utilization, CPU, latency  ± 3 %    ± 15 %  exactly   ± 3 %
//	CPU, latency               ± 5 %    ± 15 %  ± 1       − 22 … + 5 %
//	latency                    ± 5 %    ± 15 %            − 22 … + 15 %
func TestServicesAreLearned(t *testing.T) {
	testenv.Long(t)
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	for _, s := range services() {
		scenario := sim.Default()
		scenario.Service, scenario.Replicas.Initial = s, 10
		peak := 0.75 * 10 * s.CapacityPerReplica()
		scenario.Load = workload.Diurnal{Base: peak / 5, Peak: peak, Period: 20 * time.Minute, For: 30 * time.Minute}
		objective := scenario.Objective
		objective.Threshold = scale.Duration(800 * time.Millisecond)
		learners := [3]*capacity.Learner{}
		for i := range learners {
			learners[i] = capacity.NewLearner(capacity.Config{}, objective, s.Topology, 1000, curves)
		}
		sim.Run(&scenario, sim.NewEvents(&scenario), asks(func(obs scale.Observation) int {
			learners[0].Observe(&obs)
			learners[1].Observe(without(obs, scale.Utilization))
			learners[2].Observe(without(obs, scale.Utilization, scale.CPUUtilization))
			return obs.CurrentReplicas
		}), sim.Options{})
		for i, l := range learners {
			f := l.Facts()
			t.Logf("%s: %s: mean %.4f, CV %.3f, %d slots, %.3f of what a replica carries, correction %.2f", name(s), f.Source, f.Mean, f.CV, f.Slots, f.PerReplica/s.CapacityPerReplica(), f.Correction)
			carried := f.PerReplica / s.CapacityPerReplica()
			low, high := [...]float64{0.97, 0.78, 0.78}[i], [...]float64{1.03, 1.05, 1.15}[i]
			if math.Abs(f.Mean/0.08-1) > [...]float64{0.03, 0.05, 0.05}[i] || math.Abs(f.CV-s.Law.CV()) > 0.15*max(0.5, s.Law.CV()) || carried < low || carried > high {
				t.Errorf("%s, learner %d: %+v", name(s), i, f)
			}
			if i == 0 && f.Slots != s.Slots || i == 1 && math.Abs(float64(f.Slots-s.Slots)) > max(1, 0.22*float64(s.Slots)) {
				t.Errorf("%s, learner %d: %d slots", name(s), i, f.Slots)
			}
		}
	}
}

// Whoever is told the wrong topology or has the wrong law asks for a hundredth of
// avoidable violations, and gets about that by what is late.
func TestWrongModelsAreCorrected(t *testing.T) {
	testenv.Long(t)
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	for _, tc := range []struct {
		service queueing.Service
		told    queueing.Topology
		rate    float64
	}{
		{queueing.Service{Law: queueing.Lognormal(0.08, 0.5), Slots: 1, Topology: queueing.Random}, queueing.LeastConn, 100},
		{queueing.Service{Law: queueing.Lognormal(0.08, 0.5), Slots: 2, Topology: queueing.Random}, queueing.Central, 200},
		{queueing.Service{Law: queueing.Lognormal(0.08, 1.2), Slots: 2, Sharing: true}, queueing.LeastConn, 200},
		{queueing.Service{Law: queueing.Lognormal(0.08, 0.5), Slots: 4}, queueing.Random, 200},
	} {
		scenario := sim.Default()
		scenario.Service, scenario.Replicas.Startup, scenario.Warmup = tc.service, time.Second, 20*time.Minute
		scenario.Objective.Target = 0.99
		scenario.Objective.Threshold = scale.Duration(600 * time.Millisecond)
		want, err := tc.service.Demand(tc.rate, 0.6, 0.01)
		scenario.Replicas.Initial = max(want, int(1.3*tc.rate/tc.service.CapacityPerReplica()))
		scenario.Load = workload.Diurnal{Base: tc.rate / 10, Peak: tc.rate, Period: 40 * time.Minute, For: 120 * time.Minute}
		play := func(corrected bool) (float64, float64, capacity.Facts) {
			l := capacity.NewLearner(capacity.Config{}, scenario.Objective, tc.told, 1000, curves)
			if !corrected {
				l.Uncorrected()
			}
			r := sim.Run(&scenario, sim.NewEvents(&scenario), asks(func(obs scale.Observation) int {
				l.Observe(&obs)
				// What comes until the next decision is known here.
				rate := scenario.Load.Rate(min(scenario.Length(), obs.At.Sub(scenario.Start)+15*time.Second))
				return max(1, l.Demand(rate, 0.01))
			}), sim.Options{})
			return r.AvoidableRatio(), r.ReplicaHours() * 3600, l.Facts()
		}
		wrong, before, _ := play(false)
		right, after, f := play(true)
		t.Logf("%s told %v: needs %d (%v); uncorrected %.4f with %.0f, corrected %.4f with %.0f; correction %.2f, mean %.4f", name(tc.service), tc.told, want, err, wrong, before/3600, right, after/3600, f.Correction, f.Mean)
		if right > 0.02 || wrong > 0.015 && right > 0.75*wrong {
			t.Errorf("%s told %v: %.4f violate, 0.01 were asked for (uncorrected %.4f); %+v", name(tc.service), tc.told, right, wrong, f)
		}
	}
}

// Live, the balancer tells response times and nobody tells utilization. Beginning
// with twice what is needed, a learner that knows nothing else finds how few
// suffice, in the same waves as one that is told.
func TestResponseTimesAloneSuffice(t *testing.T) {
	testenv.Long(t)
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	scenario := sim.Default()
	scenario.Replicas.Startup, scenario.Replicas.Initial, scenario.Warmup = time.Second, 16, 40*time.Minute
	scenario.Objective.Target = 0.99
	scenario.Load = workload.Diurnal{Base: 100, Peak: 500, Period: 40 * time.Minute, For: 160 * time.Minute}
	play := func(cfg capacity.Config, unmeasured ...string) (avoidable, replicas float64) {
		l := capacity.NewLearner(cfg, scenario.Objective, queueing.LeastConn, 1000, curves)
		r := sim.Run(&scenario, sim.NewEvents(&scenario), asks(func(obs scale.Observation) int {
			l.Observe(without(obs, unmeasured...))
			rate := scenario.Load.Rate(min(scenario.Length(), obs.At.Sub(scenario.Start)+15*time.Second))
			if !l.Known() {
				return obs.CurrentReplicas
			}
			return max(1, l.Demand(rate, 0.01))
		}), sim.Options{})
		return r.AvoidableRatio(), r.ReplicaHours() / 2
	}
	_, told := play(capacity.Config{ServiceMean: scale.Duration(80 * time.Millisecond), ServiceCV: 0.5, Concurrency: 4})
	late, found := play(capacity.Config{}, scale.Utilization, scale.CPUUtilization)
	t.Logf("told: %.2f replicas; found: %.2f with %.4f late", told, found, late)
	if late > 0.02 || found > 1.15*told {
		t.Errorf("%.4f are late with %.2f replicas; 0.01 may, and who is told takes %.2f", late, found, told)
	}
}

// When load jumps to what ten times as many replicas carry, the first of them keep
// long lines that the others, once there, take nothing out of. Those who waited in
// them say nothing of what a replica carries.
func TestLinesLeftFromFewerReplicas(t *testing.T) {
	for _, law := range []queueing.Law{queueing.Lognormal(0.08, 0.5), queueing.Exponential(0.08)} {
		scenario := sim.Default()
		scenario.Service = queueing.Service{Law: law, Slots: 4}
		scenario.Replicas.Initial, scenario.Replicas.Startup = 5, 30*time.Second
		scenario.Load = workload.Step(50, 1500, 5*time.Minute, 15*time.Minute)
		l := capacity.NewLearner(capacity.Config{}, scenario.Objective, queueing.LeastConn, 1000, nil)
		least, most := math.Inf(1), 0.0
		sim.Run(&scenario, sim.NewEvents(&scenario), asks(func(obs scale.Observation) int {
			l.Observe(&obs)
			after := obs.At.Sub(scenario.Start)
			if after < 6*time.Minute {
				return 5
			}
			each := l.PerReplica() / scenario.Service.CapacityPerReplica()
			least, most = min(least, each), max(most, each)
			return min(60, 40+int(after.Minutes())) // one more each minute: long lines and a count that changes
		}), sim.Options{})
		if least < 0.9 || most > 1.1 {
			t.Errorf("%v: believed a replica to carry %.2f to %.2f of what it does", law, least, most)
		}
	}
}
