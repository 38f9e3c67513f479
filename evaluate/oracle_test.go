package evaluate

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// wavy is a short load that goes up and down at random, in parts of a minute.
func wavy(seed uint64, parts int) Case {
	rng := rand.New(rand.NewPCG(seed, 7))
	var load workload.Steps
	for range parts {
		load = append(load, workload.Level{RPS: 20 + 400*rng.Float64(), For: time.Minute})
	}
	s := sim.Default()
	s.Load = load
	s.Service = queueing.Service{Law: queueing.Exponential(0.080), Slots: 4, Topology: queueing.Central}
	s.Replicas.Max = 40
	s.Objective = scale.Objective{Threshold: scale.Duration(250 * time.Millisecond), Target: 0.95, Window: scale.Duration(time.Hour)}
	return Case{Trace: "wavy", Scenario: s}
}

func groundOf(t testing.TB, c Case) *ground {
	t.Helper()
	g, err := newGround(c, &curves{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Demand by the definition: one replica fewer breaks the objective, and so many
// hold it, at the mean rate of each step.
func TestDemandIsTheFewestThatHoldTheObjective(t *testing.T) {
	g := groundOf(t, wavy(1, 10))
	s := &g.Scenario
	for k, n := range g.demand.Replicas {
		rate := s.Load.Rate(time.Duration(k)*g.demand.Step + g.demand.Step/2)
		if math.Abs(g.demand.Rates[k]-rate) > 1e-6 || math.Abs(g.demand.Busiest[k]-rate) > 1e-6 {
			t.Fatalf("step %d: rate %v, want %v", k, g.demand.Rates[k], rate)
		}
		if want, err := s.Service.Demand(rate, 0.25, 0.05); err != nil || n != want {
			t.Errorf("step %d at %.1f requests/s: got %d, want %d (%v)", k, rate, n, want, err)
		}
	}
	if got := s.Replicas.Initial; got != g.demand.Replicas[0] {
		t.Errorf("initial: got %d, want what the first moment demands: %d", got, g.demand.Replicas[0])
	}
}

// Without load the minimum is demanded, and the maximum bounds no demand.
func TestDemandKnowsTheMinimumOnly(t *testing.T) {
	c := wavy(1, 3)
	c.Scenario.Load = workload.Steps{{RPS: 0, For: time.Minute}, {RPS: 400, For: time.Minute}}
	c.Scenario.Replicas.Min, c.Scenario.Replicas.Max = 2, 3
	g := groundOf(t, c)
	if first, last := g.demand.At(0), g.demand.At(minutes(1.9)); first != 2 || last < 9 {
		t.Errorf("got %d without load and %d for 400 requests/s, want 2 and 9 at least", first, last)
	}
	if p := g.oracle().EveryStep(); p.Schedule.Replicas[119] != 3 {
		t.Errorf("the oracle keeps to the maximum: got %d, want 3", p.Schedule.Replicas[119])
	}
}

// What is wanted in a dip, with a start that takes two steps.
func TestAScheduleAsksAheadOfTime(t *testing.T) {
	s := Schedule{Step: 15 * time.Second, Lead: 30 * time.Second, Initial: 4, Replicas: []int{4, 2, 2, 2, 2, 4, 5}}
	want := []call{{15 * time.Second, 2}, {45 * time.Second, 4}, {60 * time.Second, 5}}
	if diff := cmp.Diff(want, s.calls(), cmp.AllowUnexported(call{})); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// Played in the simulator, exactly the scheduled replicas are ready in every
// step: no start is late, and none that starts for later is stopped.
func TestSchedulesAreReadyAsPlanned(t *testing.T) {
	for seed := range uint64(8) {
		g := groundOf(t, wavy(seed, 12))
		for _, p := range []Plan{g.oracle().EveryStep(), g.oracle().AtPrice(0.05), g.oracle().AtPrice(1), g.oracle().AtPrice(50)} {
			s, w, err := g.world(seed)
			if err != nil {
				t.Fatal(err)
			}
			r := p.Schedule.Play(s, w)
			at := 0
			for k, want := range p.Schedule.Replicas {
				now := time.Duration(k)*p.Schedule.Step + p.Schedule.Step/2
				for at+1 < len(r.Changes) && r.Changes[at+1].At <= now {
					at++
				}
				if got := r.Changes[at].Ready; got != want {
					t.Fatalf("load %d, θ %v, at %v: %d ready, want %d of %v", seed, p.theta, now, got, want, p.Schedule.Replicas)
				}
			}
			if got := r.ReplicaHours(); math.Abs(got-p.ReplicaHours) > 0.005*p.ReplicaHours {
				t.Errorf("load %d, θ %v: paid %.4f replica-hours, the model says %.4f", seed, p.theta, got, p.ReplicaHours)
			}
		}
	}
}

// The every-step schedule meets every demand that can be met, and no contestant
// that does so pays less.
func TestEveryStepMeetsTheDemand(t *testing.T) {
	g := groundOf(t, wavy(3, 30))
	p := g.oracle().EveryStep()
	for k, x := range p.Schedule.Replicas {
		if need := g.demand.Replicas[k]; x < need && time.Duration(k)*g.demand.Step >= 30*time.Second {
			t.Errorf("step %d: %d ready, %d demanded", k, x, need)
		}
	}
	peak := 0
	for _, n := range g.demand.Replicas {
		peak = max(peak, n)
	}
	run, _, err := g.play(context.Background(), Static(peak), 1)
	if err != nil {
		t.Fatal(err)
	}
	if run.ReplicaHours <= p.ReplicaHours || p.ReplicaHours <= g.lowerBound {
		t.Errorf("got %.3f replica-hours, want less than %.3f at the peak all the time and more than the bound of %.3f", p.ReplicaHours, run.ReplicaHours, g.lowerBound)
	}
}

// A higher price buys fewer violations for more replica-hours, and the bound
// lies below all of them.
func TestAFrontierOfPrices(t *testing.T) {
	g := groundOf(t, wavy(5, 20))
	var priced []Certified
	for _, theta := range g.oracle().prices() {
		c, err := g.certify(context.Background(), g.oracle().AtPrice(theta), 1)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(priced); n > 0 && (c.ModelRatio > priced[n-1].ModelRatio || c.ModelHours < priced[n-1].ModelHours) {
			t.Errorf("θ %v: model %.6f for %.4f h, want fewer violations and more hours than %.6f for %.4f", theta, c.ModelRatio, c.ModelHours, priced[n-1].ModelRatio, priced[n-1].ModelHours)
		}
		priced = append(priced, c)
	}
	c := newClairvoyant(CaseClairvoyant{EveryStep: priced[0], Priced: priced})
	for _, p := range priced {
		if bound := c.Bound(p.ModelRatio); bound > p.ModelHours*1.0001 {
			t.Errorf("θ %v: bound of %.4f above %.4f, which the model reaches", p.Theta, bound, p.ModelHours)
		}
		if bound := c.Bound(p.ModelRatio); bound < p.ModelHours*0.99 {
			t.Errorf("θ %v: bound of %.4f is more than 1 %% below %.4f", p.Theta, bound, p.ModelHours)
		}
	}
}

// Straight in the logarithm of the ratio, the safest schedule before; beyond the
// boldest more and more of the time with a single replica for the hour: at 0.5
// it is (0.5 − 0.1)/(1 − 0.1) of 9 hours less.
func TestTheClairvoyantAtARunsViolations(t *testing.T) {
	c := newClairvoyant(CaseClairvoyant{LeastReplicaHours: 1, EveryStep: Certified{ReplicaHours: 12, AvoidableRatio: 0.03}, Priced: []Certified{
		{ReplicaHours: 10, AvoidableRatio: 0.1}, {ReplicaHours: 13, AvoidableRatio: 0.01}, {ReplicaHours: 20, AvoidableRatio: 0.0001},
	}})
	for _, tc := range []struct{ ratio, want float64 }{
		{0.1, 10}, {0.01, 13}, {0.0001, 20}, {0.001, 16.5}, {0.5, 6}, {1, 1}, {0, 20}, {0.00001, 20},
		{0.03, 12}, {math.Sqrt(0.1 * 0.03), 11},
	} {
		if got := c.ReplicaHours(tc.ratio); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("at %v: got %v, want %v", tc.ratio, got, tc.want)
		}
	}
}

// Of 1,000 requests none violated: that is no better than one of 1,000, which a
// schedule for 12 hours leaves.
func TestNoViolationIsKnownToOneRequest(t *testing.T) {
	c := newClairvoyant(CaseClairvoyant{EveryStep: Certified{ReplicaHours: 13}, Priced: []Certified{{ReplicaHours: 12, AvoidableRatio: 0.001}, {ReplicaHours: 10, AvoidableRatio: 0.1}}})
	for _, tc := range []struct{ requests, want float64 }{{1000, 12}, {1e6, 13}, {10, 10}} {
		run := Run{Requests: tc.requests}
		run.against(c)
		if got := run.OracleEqualReplicaHours; math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("none of %v violated: got %v oracle-hours, want %v", tc.requests, got, tc.want)
		}
	}
}

// The warm-up costs the oracle nothing, nor does a gap, over which it may keep
// replicas for what comes after.
func TestTheOraclePaysForScoredTimeOnly(t *testing.T) {
	bins := []workload.Bin{
		{At: 0, Width: minutes(5), RPS: 100}, {At: minutes(5), Width: minutes(5), RPS: 300},
		{At: minutes(20), Width: minutes(5), RPS: 300}, {At: minutes(25), Width: minutes(5), RPS: 50},
	}
	load, err := workload.NewTrace("with a gap", bins)
	if err != nil {
		t.Fatal(err)
	}
	c := wavy(4, 20)
	c.Scenario.Load, c.Scenario.Gaps, c.Scenario.Warmup = load, load.Gaps(), minutes(5)
	g := groundOf(t, c)
	p := g.oracle().AtPrice(1)
	s, w, err := g.world(1)
	if err != nil {
		t.Fatal(err)
	}
	r := p.Schedule.Play(s, w)
	if got := r.ReplicaHours(); math.Abs(got-p.ReplicaHours) > 0.002*got {
		t.Errorf("paid %.4f replica-hours, the model says %.4f", got, p.ReplicaHours)
	}
	if got := r.Requests; math.Abs(got-p.Requests) > 0.01*got || p.Requests != 195000 {
		t.Errorf("got %v requests, the model says %v, want about 195,000 scored ones", got, p.Requests)
	}
	at := func(minute float64) int { return p.Schedule.Replicas[int(minutes(minute)/p.Schedule.Step)] }
	if at(15) != at(9) || at(15) != at(21) || at(15) < 6 {
		t.Errorf("in the gap: %d replicas, want the %d from before kept for the %d after", at(15), at(9), at(21))
	}
	c.Scenario.Warmup = 0
	for k, x := range groundOf(t, c).oracle().AtPrice(1).Schedule.Replicas[:10] {
		if got := p.Schedule.Replicas[k]; got != x {
			t.Errorf("warm-up, step %d: %d replicas, want %d as if it counted, lest a backlog be carried over", k, got, x)
		}
	}
	if bound, cost := p.bound/3600, p.ReplicaHours+p.theta*p.Violations/3600; bound > cost || bound < 0.99*cost {
		t.Errorf("bound of %.4f, want no more than the %.4f of the schedule and near it", bound, cost)
	}
}

// A load that jumps at odd moments: what is demanded for the part of a step is
// demanded for all of it, or else a line is left that violates long after.
func TestJumpsAtOddMomentsAreMet(t *testing.T) {
	c := wavy(1, 1)
	load := workload.Steps{}
	for i := range 20 {
		load = append(load, workload.Level{RPS: 100 + 250*float64(i%2), For: 41*time.Second + time.Duration(i)*137*time.Millisecond})
	}
	c.Scenario.Load = load
	for _, fluid := range []bool{false, true} {
		c.Fluid = fluid
		g := groundOf(t, c)
		got, err := g.certify(context.Background(), g.oracle().EveryStep(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if may := 1 - c.Scenario.Objective.Target; got.AvoidableRatio > may || got.ReplicaHours > 1.01*got.ModelHours {
			t.Errorf("fluid %v: %.5f violate for %.3f replica-hours, want at most %.2f for %.3f", fluid, got.AvoidableRatio, got.ReplicaHours, may, got.ModelHours)
		}
	}
}

func TestTheWidthOfSteps(t *testing.T) {
	day := 24 * time.Hour
	for length, want := range map[time.Duration]time.Duration{
		time.Minute: time.Second, day: time.Second, 2 * day: 3 * time.Second, 5 * day: 5 * time.Second, 31 * day: 15 * time.Second,
	} {
		if got := stepFor(length); got != want || sampleStep%got != 0 {
			t.Errorf("%v: got %v, want %v, a part of %v", length, got, want, sampleStep)
		}
	}
}

// Four busy seconds of 15: the second step has (11·100 + 4·500)/15 = 206.7
// requests/s on average and 500 in its busiest second.
func TestABusySecondCountsForItsStep(t *testing.T) {
	d := &Demand{Step: 15 * time.Second}
	d.measure(workload.Steps{{RPS: 100, For: 18 * time.Second}, {RPS: 500, For: 4 * time.Second}, {RPS: 100, For: 18 * time.Second}})
	if diff := cmp.Diff([]float64{100, 3100.0 / 15, 100}, d.Rates, nearly()); diff != "" {
		t.Errorf("mean rates (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float64{100, 500, 100}, d.Busiest, nearly()); diff != "" {
		t.Errorf("busiest seconds (-want +got):\n%s", diff)
	}
}
