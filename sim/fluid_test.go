package sim_test

import (
	"math"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// fluid returns the fluid world of a scenario.
func fluid(tb testing.TB, s *sim.Scenario, c *queueing.Curve) *sim.Fluid {
	tb.Helper()
	w, err := sim.NewFluid(s, c)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// flowing runs a scenario as a fluid with a constant count.
func flowing(tb testing.TB, s *sim.Scenario, n int) *sim.Result {
	tb.Helper()
	s.Replicas.Initial = n
	return sim.Run(s, fluid(tb, s, nil), fixed(n), sim.Options{})
}

func near(got, want, relative float64) bool { return math.Abs(got-want) <= relative*math.Abs(want) }

// At a constant rate the fluid violates as the curve says.
func TestFluidSettlesAtTheCurve(t *testing.T) {
	for _, topology := range []queueing.Topology{queueing.Central, queueing.LeastConn, queueing.Random, queueing.RoundRobin, queueing.PowerOfTwo} {
		for _, load := range []float64{0.7, 0.9, 0.97, 0.99} {
			s := steady(200*load, 2*time.Hour)
			s.Service.Topology, s.Replicas.Max, s.Warmup = topology, 4, time.Hour
			curve, err := s.Curve()
			if err != nil {
				t.Fatal(err)
			}
			s.Replicas.Initial = 4
			r := sim.Run(s, fluid(t, s, curve), fixed(4), sim.Options{})
			if got, want := r.AvoidableRatio(), curve.Avoidable(4, 200*load, 0); !near(got, want, 0.02) && want > 1e-9 {
				t.Errorf("%v at a load of %v: avoidable %.4g, want the curve's %.4g", topology, load, got, want)
			}
			for _, p := range []float64{0.5, 0.9, 0.95, 0.99} {
				if got, want := r.Latencies.Quantile(p), curve.Quantile(p, 4, 200*load, 0); !near(got, want, 0.03) {
					t.Errorf("%v at a load of %v: p%v %.4f s, want the curve's %.4f", topology, load, 100*p, got, want)
				}
			}
		}
	}
}

// flooded is everything that can go wrong at once, but for retries.
func flooded(seed uint64) *sim.Scenario {
	s := hostile(seed)
	s.Client.Retries = 0
	return s
}

// The same seed gives the same run, however many run beside it.
func TestFluidIsTheSameWhateverRunsBeside(t *testing.T) {
	curve, err := flooded(7).Curve()
	if err != nil {
		t.Fatal(err)
	}
	one := func() *sim.Result {
		s := flooded(7)
		return sim.Run(s, fluid(t, s, curve), &restless{counts: []int{3, 9, 1, 0, 12, 4}}, sim.Options{})
	}
	want := one()
	for _, procs := range []int{1, 4} {
		before := runtime.GOMAXPROCS(procs)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if got := one(); !reflect.DeepEqual(got, want) {
					t.Errorf("with %d processors: got %v requests, %v violations, %v replica-seconds, want %v, %v, %v",
						procs, got.Requests, got.Violations, got.ReplicaSeconds, want.Requests, want.Violations, want.ReplicaSeconds)
				}
			})
		}
		group.Wait()
		runtime.GOMAXPROCS(before)
	}
}

// Whatever a decider does, as many requests come.
func TestFluidMeetsTheSameRequests(t *testing.T) {
	s := flooded(1)
	s.Faults.CrashEvery = 0
	calm := flowing(t, s, 6).Requests
	for _, counts := range [][]int{{1}, {3, 9, 1, 0, 12, 4}} {
		s := flooded(1)
		r := sim.Run(s, fluid(t, s, nil), &restless{counts: counts}, sim.Options{})
		if !near(r.Requests, calm, 1e-9) {
			t.Errorf("requests with counts %v: got %v, want %v", counts, r.Requests, calm)
		}
	}
}

// Each request is answered once, fails once or waits still.
func TestFluidLosesNothing(t *testing.T) {
	for _, topology := range []queueing.Topology{queueing.Central, queueing.LeastConn, queueing.Random, queueing.RoundRobin, queueing.PowerOfTwo} {
		s := flooded(3)
		s.Warmup, s.Gaps, s.Service.Topology = 0, nil, topology
		w := fluid(t, s, nil)
		r := sim.Run(s, w, &restless{counts: []int{3, 9, 1, 0, 12, 4, 2, 7}}, sim.Options{})
		if got := r.Latencies.Count() + sim.Waiting(w); !near(got, r.Requests, 1e-9) {
			t.Errorf("%v: got %v answered, failed or waiting, want %v", topology, got, r.Requests)
		}
		if arrived, ended, present := sim.Counted(w); !near(ended+present, arrived, 1e-9) || present < 0 {
			t.Errorf("%v: %v ended and %v are here, want %v in all", topology, ended, present, arrived)
		}
		if r.Failed <= 0 || r.Failed > r.Violations || r.Violations > r.Requests*(1+1e-9) || !near(r.Avoidable+r.Intrinsic, r.Violations, 1e-9) {
			t.Errorf("%v: got %v failed, %v avoidable, %v intrinsic, %v violations of %v", topology, r.Failed, r.Avoidable, r.Intrinsic, r.Violations, r.Requests)
		}
	}
}

// Clients that give up, replicas that crash and drain: as many are lost as
// request by request.
func TestFluidFailsLikeEvents(t *testing.T) {
	e, f := sim.Result{}, sim.Result{}
	for seed := range uint64(6) {
		counts := func() *restless { return &restless{counts: []int{3, 3, 3, 9, 9, 1, 0, 12, 4}} }
		s := flooded(seed)
		add(&e, sim.Run(s, sim.NewEvents(s), counts(), sim.Options{}))
		add(&f, sim.Run(s, fluid(t, s, nil), counts(), sim.Options{}))
	}
	for _, x := range []struct {
		name           string
		got, want, may float64
	}{
		{"requests", f.Requests, e.Requests, 0.01},
		{"failed", f.Failed, e.Failed, 0.1},
		{"avoidable", f.Avoidable, e.Avoidable, 0.1},
		{"replica-hours", f.ReplicaHours(), e.ReplicaHours(), 0.02},
		{"p95", f.Latencies.Quantile(0.95), e.Latencies.Quantile(0.95), 0.1},
	} {
		t.Logf("%s: %.4g, request by request %.4g", x.name, x.got, x.want)
		if !near(x.got, x.want, x.may) {
			t.Errorf("%s: got %.4g, want %.4g as request by request, within %v %%", x.name, x.got, x.want, 100*x.may)
		}
	}
}

// Without replicas requests are held, and answered once one is ready.
func TestFluidHoldsRequests(t *testing.T) {
	run := func(world func(*sim.Scenario) sim.World) *sim.Result {
		s := steady(20, 10*time.Minute)
		s.Replicas.Min, s.Replicas.Initial = 0, 0
		return sim.Run(s, world(s), fixed(2), sim.Options{})
	}
	e := run(func(s *sim.Scenario) sim.World { return sim.NewEvents(s) })
	f := run(func(s *sim.Scenario) sim.World { return fluid(t, s, nil) })
	if f.Failed != 0 || !near(f.Avoidable, e.Avoidable, 0.1) || !near(f.Latencies.Quantile(0.99), e.Latencies.Quantile(0.99), 0.1) {
		t.Errorf("got %v failed, %.0f avoidable, p99 %.2f s, want 0, %.0f, %.2f", f.Failed, f.Avoidable, f.Latencies.Quantile(0.99), e.Avoidable, e.Latencies.Quantile(0.99))
	}
}

func TestFluidWithoutLoadOrTime(t *testing.T) {
	s := steady(0, time.Hour)
	if r := flowing(t, s, 2); r.Requests != 0 || r.Violations != 0 || r.Latencies.Count() != 0 || r.ReplicaHours() != 2 {
		t.Errorf("an empty load: got %v requests, %v violations, %v replica-hours, want 0, 0, 2", r.Requests, r.Violations, r.ReplicaHours())
	}
	s = steady(100, 300*time.Millisecond)
	if r := flowing(t, s, 4); r.Requests <= 10 || r.Requests > 60 || !near(r.ReplicaSeconds, 1.2, 1e-9) {
		t.Errorf("a load shorter than a step: got %v requests and %v replica-seconds, want about 30 and 1.2", r.Requests, r.ReplicaSeconds)
	}
}

// Nothing of the warm-up and of gaps is scored.
func TestFluidScoresWhatIsScored(t *testing.T) {
	s := steady(100, time.Hour)
	s.Replicas.Max = 10
	s.Warmup, s.Gaps = 90*time.Second+300*time.Millisecond, []workload.Span{{From: 30 * time.Minute, To: 40*time.Minute + time.Millisecond}}
	r := flowing(t, s, 3)
	want := 100 * s.Scored().Seconds()
	if r.Scored != s.Scored() || !near(r.Requests, want, 0.01) || !near(r.ReplicaSeconds, 3*s.Scored().Seconds(), 1e-9) {
		t.Errorf("got %v with %v requests and %v replica-seconds, want %v, about %v and %v", r.Scored, r.Requests, r.ReplicaSeconds, s.Scored(), want, 3*s.Scored().Seconds())
	}
}

// Requests that wait on replicas that are to go are late like those elsewhere.
func TestFluidCountsThoseLateOnLeavers(t *testing.T) {
	violations := func(end int) float64 {
		s := steady(400, 3*time.Minute)
		s.Replicas.Max, s.Replicas.Initial = 10, 4
		w := fluid(t, s, nil)
		w.Advance(s.Length() - time.Second)
		w.SetReplicas(end)
		w.Advance(s.Length())
		return w.Result().Violations
	}
	if got, want := violations(1), violations(4); !near(got, want, 0.01) {
		t.Errorf("three of four replicas leave in an overload: got %.0f violations, want about the %.0f of when they stay", got, want)
	}
}

// A decider sees the same signals in both worlds.
func TestFluidShowsTheSignalsOfEvents(t *testing.T) {
	observe := func(world func(*sim.Scenario) sim.World) (all []scale.Observation, sums map[string]float64, replicas float64) {
		s := autoscaled()
		s.Replicas.Initial, s.Replicas.Max, s.Metrics.Delay = 33, 40, 3*time.Second
		sums = map[string]float64{}
		sim.Run(s, world(s), fixed(33), sim.Options{Decided: func(obs scale.Observation, _ scale.Decision) {
			all = append(all, scale.Observation{At: obs.At, CurrentReplicas: obs.CurrentReplicas, ObservedReplicas: obs.ObservedReplicas})
			for i := range obs.Signals {
				x := &obs.Signals[i]
				v, _ := obs.Last(x.Name)
				sums[x.Name] += v
				sums["points of "+x.Name] += float64(len(x.Points))
				sums["trust in "+x.Name] += float64(x.Trust)
				sums["window of "+x.Name] += x.Window.Seconds()
				if x.Distribution != nil {
					sums["distribution of "+x.Name] += float64(x.Distribution.Count())
				}
			}
			for _, r := range obs.Replicas {
				for _, sample := range r.Samples {
					replicas += sample.Value
				}
			}
		}})
		return all, sums, replicas
	}
	wantAll, want, wantReplicas := observe(func(s *sim.Scenario) sim.World { return sim.NewEvents(s) })
	gotAll, got, gotReplicas := observe(func(s *sim.Scenario) sim.World { return fluid(t, s, nil) })
	if !reflect.DeepEqual(gotAll, wantAll) {
		t.Errorf("observations: got %d, %v; want %d, %v", len(gotAll), gotAll[0], len(wantAll), wantAll[0])
	}
	for name, w := range want {
		may := 0.02
		if name == scale.ViolationRatio || name == scale.QueueDepth {
			may = 0.5 // hardly any
		}
		if name == "distribution of "+scale.Latency {
			may = 0.1 // the running second is in it, or not
		}
		if g, ok := got[name]; !ok || !near(g, w, may) {
			t.Errorf("%s: got %.5g, want %.5g within %v %%", name, g, w, 100*may)
		}
	}
	if !near(gotReplicas, wantReplicas, 0.01) {
		t.Errorf("CPU of the replicas: got %v, want %v within 1 %%", gotReplicas, wantReplicas)
	}
}

// A step allocates nothing.
func TestFluidStepsWithoutAllocating(t *testing.T) {
	s := autoscaled()
	s.Replicas.Max, s.Replicas.Initial = 40, 40
	w, at := fluid(t, s, nil), time.Minute*10
	w.Advance(at)
	if n := testing.AllocsPerRun(100, func() {
		at += time.Second
		w.Advance(at)
	}); n > 0 {
		t.Errorf("allocations per step: got %v, want 0", n)
	}
}

func TestFluidRefusesRetries(t *testing.T) {
	s := hostile(1)
	if _, err := sim.NewFluid(s, nil); err == nil {
		t.Errorf("retries: got no error, want one")
	}
}

// BenchmarkFluid is bare steps at a constant load.
func BenchmarkFluid(b *testing.B) {
	s := sim.Default()
	s.Load = workload.Constant{RPS: 1000, For: 100 * 24 * time.Hour}
	s.Replicas.Max, s.Replicas.Initial = 100, 25
	s.Metrics = sim.Metrics{}
	curve, err := s.Curve()
	if err != nil {
		b.Fatal(err)
	}
	w, at := fluid(b, &s, curve), time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		at += time.Second
		w.Advance(at)
	}
	b.ReportMetric(float64(w.Result().Events)/b.Elapsed().Seconds()/1e6, "Msteps/s")
}

// BenchmarkFluidAutoscaled is the whole life with the HPA and all clocks.
func BenchmarkFluidAutoscaled(b *testing.B) {
	steps := uint64(0)
	s := autoscaled()
	s.Replicas.Max = 100
	curve, err := s.Curve()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		steps += sim.Run(s, fluid(b, s, curve), ratio(b, s), sim.Options{}).Events
	}
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds()/1e6, "Msteps/s")
}

// The length of a step hardly matters.
func TestFluidInLongAndShortSteps(t *testing.T) {
	run := func(step time.Duration) *sim.Result {
		s := autoscaled()
		s.Step, s.Replicas.Max = step, 40
		return flowing(t, s, 29)
	}
	want := run(100 * time.Millisecond)
	for _, step := range []time.Duration{time.Second, 3 * time.Second} {
		r := run(step)
		if !near(r.AvoidableRatio(), want.AvoidableRatio(), 0.1) || !near(r.Requests, want.Requests, 0.003) || !near(r.Latencies.Quantile(0.95), want.Latencies.Quantile(0.95), 0.1) {
			t.Errorf("steps of %v: got %.3f %% avoidable, p95 %.3f s, want %.3f %%, %.3f s as in steps of 100 ms", step,
				100*r.AvoidableRatio(), r.Latencies.Quantile(0.95), 100*want.AvoidableRatio(), want.Latencies.Quantile(0.95))
		}
	}
}
