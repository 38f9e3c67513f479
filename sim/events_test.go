package sim_test

import (
	"math"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// fixed is a constant count.
type fixed int

func (n fixed) Decide(obs scale.Observation) scale.Decision {
	return scale.Decision{CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: int(n)}
}
func (fixed) Applied(time.Time, int, int) {}

// restless asks for another count at every decision.
type restless struct{ counts []int }

func (r *restless) Decide(obs scale.Observation) scale.Decision {
	n := r.counts[0]
	r.counts = append(r.counts[1:], n)
	return scale.Decision{CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: n}
}
func (*restless) Applied(time.Time, int, int) {}

// play runs a scenario with a constant count.
func play(s *sim.Scenario, n int) *sim.Result {
	s.Replicas.Initial = n
	return sim.Run(s, sim.NewEvents(s), fixed(n), sim.Options{})
}

// steady is a constant rate on the default service for so long.
func steady(rate float64, length time.Duration) *sim.Scenario {
	s := sim.Default()
	s.Load = workload.Constant{RPS: rate, For: length}
	return &s
}

// A shared processor answers in x/(1−ρ) in the mean, whatever the law.
func TestSharedProcessorIsInsensitiveToTheLaw(t *testing.T) {
	for _, law := range []queueing.Law{queueing.Deterministic(1), queueing.Exponential(1), queueing.Lognormal(1, 2)} {
		t.Run(law.String(), func(t *testing.T) {
			t.Parallel()
			s := bare(1, 0.7, 4e6, law)
			s.Service.Sharing = true
			w := sim.NewEvents(s)
			w.Advance(s.Length())
			want := queueing.SharingResponse(1, 0.7)
			if got := w.Result().Latencies.Mean(); math.Abs(got/want-1) > 0.01 {
				t.Errorf("mean response: got %.4f s, want %.4f within 1 %%", got, want)
			}
		})
	}
}

// Spread at random, each replica is a queue of its own.
func TestRandomSpreadingIsSeparateQueues(t *testing.T) {
	s := bare(1, 0.8, 4e6, queueing.Exponential(1))
	s.Load = workload.Constant{RPS: 8, For: s.Load.Duration() / 10}
	s.Service.Topology = queueing.Random
	s.Replicas.Min, s.Replicas.Initial = 10, 10
	w := sim.NewEvents(s)
	w.Advance(s.Length())
	r := w.Result()
	if got, want := r.Waited/r.Requests, 4.0; math.Abs(got/want-1) > 0.02 {
		t.Errorf("mean wait of ten M/M/1 at 0.8: got %.3f s, want %.3f within 2 %%", got, want)
	}
}

// The better the balancer looks, the shorter the waits.
func TestTopologiesInOrder(t *testing.T) {
	waits := map[queueing.Topology]float64{}
	order := []queueing.Topology{queueing.Central, queueing.LeastConn, queueing.PowerOfTwo, queueing.RoundRobin, queueing.Random}
	for _, topology := range order {
		s := steady(450, time.Hour)
		s.Service.Topology = topology
		r := play(s, 10)
		waits[topology] = r.Waited / r.Requests
	}
	for i := 1; i < len(order); i++ {
		if waits[order[i]] <= waits[order[i-1]] {
			t.Errorf("mean waits: got %v, want them to grow in the order %v", waits, order)
		}
	}
}

// The same seed gives the same run, however many run beside it.
func TestRunsAreTheSameWhateverRunsBeside(t *testing.T) {
	one := func() *sim.Result {
		s := hostile(7)
		return sim.Run(s, sim.NewEvents(s), &restless{counts: []int{3, 9, 1, 0, 12, 4}}, sim.Options{})
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

// hostile is everything that can go wrong at once.
func hostile(seed uint64) *sim.Scenario {
	s := steady(200, 20*time.Minute)
	s.Seed = seed
	s.Replicas.Min, s.Replicas.Initial = 0, 4
	s.Replicas.Pending, s.Replicas.StartupCV, s.Replicas.Drain = 2*time.Second, 0.5, time.Second
	s.Client = sim.Client{Timeout: 2 * time.Second, Retries: 2, Backoff: 100 * time.Millisecond}
	s.Faults = sim.Faults{MetricLoss: 0.2, CrashEvery: 3 * time.Minute, Outages: []workload.Span{{From: 5 * time.Minute, To: 7 * time.Minute}}}
	s.Metrics.Delay = 5 * time.Second
	s.Warmup, s.Gaps = time.Minute, []workload.Span{{From: 10 * time.Minute, To: 11 * time.Minute}}
	s.Timeline = 15 * time.Second
	return s
}

// Whatever a decider does, it meets the same requests: those that no service
// could have answered in time are the same.
func TestEveryDeciderMeetsTheSameRequests(t *testing.T) {
	s := steady(300, 20*time.Minute)
	s.Objective = scale.Objective{Threshold: scale.Duration(200 * time.Millisecond), Target: 0.9, Window: s.Objective.Window}
	few, many := *play(s, 7), *play(s, 20)
	if few.Requests != many.Requests {
		t.Errorf("requests: got %v and %v, want the same", few.Requests, many.Requests)
	}
	if few.Avoidable <= many.Avoidable {
		t.Errorf("avoidable violations: got %v with 7 replicas and %v with 20, want fewer with more", few.Avoidable, many.Avoidable)
	}
	if math.Abs(few.Intrinsic-many.Intrinsic) > 30 { // those in progress at the end
		t.Errorf("intrinsic violations: got %v and %v, want the same but for a few at the end", few.Intrinsic, many.Intrinsic)
	}
}

// Nothing is lost and nothing counted twice, whatever happens.
func TestRequestsAreConserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := hostile(rapid.Uint64().Draw(t, "seed"))
		s.Load = workload.Constant{RPS: rapid.Float64Range(1, 200).Draw(t, "rate"), For: 5 * time.Minute}
		s.Warmup, s.Gaps = 0, nil
		s.Service.Sharing = rapid.Bool().Draw(t, "sharing")
		s.Service.Topology = rapid.SampledFrom([]queueing.Topology{queueing.Central, queueing.LeastConn, queueing.Random, queueing.RoundRobin, queueing.PowerOfTwo}).Draw(t, "topology")
		w := sim.NewEvents(s)
		r := sim.Run(s, w, &restless{counts: rapid.SliceOfN(rapid.IntRange(0, 9), 1, 8).Draw(t, "counts")}, sim.Options{})
		waiting := w.InProgress()
		if got := r.Latencies.Count() + float64(waiting); got != r.Requests {
			t.Fatalf("%v answered or failed and %d in progress, want %v requests in all", r.Latencies.Count(), waiting, r.Requests)
		}
		if math.Abs(r.Violations-r.Intrinsic-r.Avoidable) > 1e-9 || r.Failed > r.Violations {
			t.Fatalf("violations %v, intrinsic %v, avoidable %v, failed %v do not add up", r.Violations, r.Intrinsic, r.Avoidable, r.Failed)
		}
	})
}

// A replica is paid from its creation to the end of draining, and serves after
// its start-up.
func TestReplicasAreWaitedForAndPaid(t *testing.T) {
	s := steady(40, 10*time.Minute)
	s.Replicas.Pending = 5 * time.Second
	w := sim.NewEvents(s)
	w.Advance(time.Minute)
	w.SetReplicas(3)
	w.Advance(2 * time.Minute)
	w.SetReplicas(1)
	w.Advance(s.Length())
	got := w.Result().Changes
	want := []sim.Change{
		{At: 0, Desired: 1, Ready: 1, Billed: 1},
		{At: time.Minute, Desired: 3, Ready: 1, Billed: 3},
		{At: 95 * time.Second, Desired: 3, Ready: 3, Billed: 3},
		{At: 2 * time.Minute, Desired: 1, Ready: 1, Billed: 3},
	}
	for i, c := range want {
		if i >= len(got) || got[i].At != c.At || got[i].Desired != c.Desired || got[i].Ready != c.Ready || (i < 3 && got[i].Billed != c.Billed) {
			t.Fatalf("changes: got %+v, want %+v", got, want)
		}
	}
	if paid := w.Result().ReplicaSeconds; paid < 600+2*60 || paid > 600+2*60+2*s.Replicas.Drain.Seconds() {
		t.Errorf("got %v replica-seconds, want 720 and some for draining", paid)
	}
}

// Requests wait while there is no replica, and are answered by the first.
func TestRequestsWaitForTheFirstReplica(t *testing.T) {
	s := steady(10, 5*time.Minute)
	s.Replicas.Min, s.Replicas.Initial = 0, 0
	w := sim.NewEvents(s)
	w.Advance(time.Minute)
	obs := w.Observe()
	if queue, ok := obs.Last(scale.QueueDepth); !ok || queue < 400 || !obs.Waiting() {
		t.Errorf("after a minute: got %v waiting (%v), want about 600", queue, ok)
	}
	w.SetReplicas(1)
	w.Advance(s.Length())
	r := w.Result()
	if math.Abs(r.Latencies.Count()-r.Requests) > 5 || r.Latencies.Quantile(1) < 80 {
		t.Errorf("got %v of %v answered, the longest after %.0f s; want all but the last, the first after 90 s", r.Latencies.Count(), r.Requests, r.Latencies.Quantile(1))
	}
}

// A client that gives up and tries again counts once, from its first attempt.
func TestRetriesCountFromTheFirstAttempt(t *testing.T) {
	s := steady(60, 10*time.Minute) // one replica carries 50
	s.Client = sim.Client{Timeout: time.Second}
	none := *play(s, 1)
	s.Client.Retries, s.Client.Backoff = 3, 200*time.Millisecond
	some := *play(s, 1)
	if some.Requests != none.Requests {
		t.Errorf("requests: got %v with retries, want %v as without", some.Requests, none.Requests)
	}
	// What was given up is served all the same: retries feed the overload
	// (Bronson et al., Metastable Failures, HotOS 2021).
	if some.Failed <= none.Failed {
		t.Errorf("failed in overload: got %v with retries and %v without, want retries to make it worse", some.Failed, none.Failed)
	}
	if longest := some.Latencies.Quantile(1); longest < 3 {
		t.Errorf("longest: got %.2f s, want over three attempts of a second", longest)
	}
}

// What is observed is what happens, as late as it is said to be.
func TestObservationsAreTrue(t *testing.T) {
	s := steady(100, 30*time.Minute)
	s.Replicas.Initial = 4
	w := sim.NewEvents(s)
	w.Advance(20 * time.Minute)
	obs := w.Observe()
	for _, tc := range []struct {
		signal string
		want   float64
		within float64
	}{
		{scale.RequestRate, 100, 15}, {scale.Concurrency, 8, 2}, {scale.Utilization, 0.5, 0.12}, {scale.CPUUtilization, 0.5, 0.08},
		{scale.ErrorRate, 0, 0}, {scale.QueueDepth, 0, 0}, {scale.ViolationRatio, 0, 0.01}, {scale.Latency, 0.155, 0.02},
	} {
		if got, ok := obs.Last(tc.signal); !ok || math.Abs(got-tc.want) > tc.within {
			t.Errorf("%s: got %v (%v), want %v within %v", tc.signal, got, ok, tc.want, tc.within)
		}
	}
	cpu := obs.Signal(scale.CPUUtilization).Points
	if age := obs.At.Sub(cpu[len(cpu)-1].At); age < 0 || age > s.Metrics.Scrape {
		t.Errorf("age of the CPU utilization: got %v, want at most a scrape", age)
	}
	for _, r := range obs.Replicas {
		if len(r.Samples) != 1 || r.Samples[0].Window != s.Metrics.Window || !r.TakesWork() {
			t.Errorf("replica: got %+v, want it ready with a sample over %v", r, s.Metrics.Window)
		}
	}
}

// What is on its way for minutes arrives in the end, and tells of then: for ten
// minutes requests wait for a replica, a delay later they are seen to.
func TestDelayedMeasurementsTellOfThePast(t *testing.T) {
	for _, delay := range []time.Duration{0, 30 * time.Second, 5 * time.Minute} {
		for name, world := range map[string]func(*sim.Scenario) sim.World{
			"events": func(s *sim.Scenario) sim.World { return sim.NewEvents(s) },
			"fluid":  func(s *sim.Scenario) sim.World { return fluid(t, s, nil) },
		} {
			s := sim.Default()
			s.Load = workload.Steps{{RPS: 20, For: 10 * time.Minute}, {RPS: 100, For: 10 * time.Minute}}
			s.Replicas.Initial, s.Replicas.Max, s.Metrics.Delay = 1, 10, delay
			w, jump := world(&s), 10*time.Minute+delay
			for _, tc := range []struct {
				at       time.Duration
				min, max float64
			}{{jump, 0.1, 0.25}, {jump + 2*time.Minute, 10, 100}} {
				for at := tc.at - time.Minute; at < tc.at; at += s.Sync {
					w.Advance(at)
					w.Observe()
				}
				w.Advance(tc.at)
				obs := w.Observe()
				if got, ok := obs.Last(scale.Latency); !ok || got < tc.min || got > tc.max {
					t.Errorf("%s, %v late: p95 at %v: got %v (%v), want %v to %v", name, delay, tc.at, got, ok, tc.min, tc.max)
				}
				if rate := obs.Signal(scale.RequestRate); rate.Trust != scale.Fresh {
					t.Errorf("%s, %v late: trust at %v: got %v with %d points, want fresh", name, delay, tc.at, rate.Trust, len(rate.Points))
				}
			}
		}
	}
}

// In an outage of the measurements signals grow stale, then absent.
func TestOutagesMakeSignalsStale(t *testing.T) {
	s := steady(100, 30*time.Minute)
	s.Replicas.Initial = 4
	s.Faults.Outages = []workload.Span{{From: 10 * time.Minute, To: 20 * time.Minute}}
	w := sim.NewEvents(s)
	for _, tc := range []struct {
		at   time.Duration
		want scale.Trust
	}{{10 * time.Minute, scale.Fresh}, {10*time.Minute + 30*time.Second, scale.Stale}, {11 * time.Minute, scale.Absent}, {21 * time.Minute, scale.Fresh}} {
		w.Advance(tc.at)
		obs := w.Observe()
		if got := obs.Signal(scale.RequestRate).Trust; got != tc.want {
			t.Errorf("at %v: got %v, want %v", tc.at, got, tc.want)
		}
	}
}

// Only what is scored counts.
func TestWarmupAndGapsAreNotScored(t *testing.T) {
	s := steady(50, time.Hour)
	s.Warmup, s.Gaps = 10*time.Minute, []workload.Span{{From: 30 * time.Minute, To: 40 * time.Minute}}
	r := play(s, 2)
	if r.Scored != 40*time.Minute || r.ReplicaHours() != 2*40.0/60 {
		t.Errorf("got %v scored and %v replica-hours, want 40 m and %v", r.Scored, r.ReplicaHours(), 2*40.0/60)
	}
	if want := 50 * 40 * 60.0; math.Abs(r.Requests-want) > 4*math.Sqrt(want) {
		t.Errorf("requests: got %v, want about %v", r.Requests, want)
	}
}

func TestScenariosAreChecked(t *testing.T) {
	for rule, tc := range map[string]struct {
		change func(*sim.Scenario)
		want   string
	}{
		"no load":            {func(s *sim.Scenario) { s.Load = nil }, "load: missing"},
		"endless":            {func(s *sim.Scenario) { s.Load = workload.Constant{RPS: 1} }, "load: must end"},
		"all warm-up":        {func(s *sim.Scenario) { s.Warmup = time.Hour }, "warmup: must lie within the load of 1h0m0s, got 1h0m0s"},
		"max below min":      {func(s *sim.Scenario) { s.Replicas.Min = 5; s.Replicas.Max = 4 }, "replicas.max: must be at least 1 and the minimum of 5, got 4"},
		"infeasible promise": {func(s *sim.Scenario) { s.Objective.Threshold = scale.Duration(100 * time.Millisecond) }, "of the services alone take longer than 0.1 s"},
		"no sync":            {func(s *sim.Scenario) { s.Sync = 0 }, "sync: must be above 0, got 0s"},
	} {
		t.Run(rule, func(t *testing.T) {
			s := steady(50, time.Hour)
			tc.change(s)
			if err := s.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	if err := steady(50, time.Hour).Validate(); err != nil {
		t.Errorf("the default: got %v, want none", err)
	}
}

// Once everything has been as large as it gets an event allocates nothing:
// readings, scrapes, lines and the timers included.
func TestEventsAllocateNothing(t *testing.T) {
	for name, change := range map[string]func(*sim.Scenario){
		"first come": func(*sim.Scenario) {},
		"sharing":    func(s *sim.Scenario) { s.Service.Sharing = true },
		"central":    func(s *sim.Scenario) { s.Service.Topology = queueing.Central },
		"with retries": func(s *sim.Scenario) {
			s.Client = sim.Client{Timeout: 200 * time.Millisecond, Retries: 2, Backoff: 100 * time.Millisecond}
		},
	} {
		s := steady(500, 3*time.Hour)
		s.Replicas.Initial = 14
		change(s)
		w, at := sim.NewEvents(s), time.Hour
		w.Advance(at)
		w.Observe()
		if n := testing.AllocsPerRun(20, func() {
			at += time.Minute
			w.Advance(at)
			w.Observe()
		}); n > 0 {
			t.Errorf("%s: got %v allocations in a minute of 60,000 events, want 0", name, n)
		}
	}
}

// The counts of a fluid are no whole numbers, and their sum depends on the order.
func TestTheLongestOfPartsOfRequests(t *testing.T) {
	for i := range 50 {
		var l sim.Latencies
		for k := 40; k > 0; k-- {
			l.Add(0.01*float64(k), 0.1+0.01*float64(i*k%7))
		}
		if got := l.Quantile(1); !near(got, 0.4, 0.01) {
			t.Fatalf("longest: got %v s, want 0.4", got)
		}
	}
}
