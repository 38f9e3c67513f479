package sim_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/sim/serving"
)

// poisson are requests of a rate for a time, with prompts and outputs drawn.
func poisson(seed uint64, rate float64, length time.Duration, tokens func(*rand.Rand) (prompt, output int)) []serving.Request {
	rng := rand.New(rand.NewPCG(seed, 7))
	var all []serving.Request
	for at := rng.ExpFloat64() / rate; at < length.Seconds(); at += rng.ExpFloat64() / rate {
		prompt, output := tokens(rng)
		all = append(all, serving.Request{At: time.Duration(at * float64(time.Second)), Prompt: prompt, Output: output})
	}
	return all
}

func chat(rng *rand.Rand) (prompt, output int) { return 1 + rng.IntN(2000), 1 + rng.IntN(400) }

func servingScenario(requests []serving.Request, replicas int) sim.ServingScenario {
	s := sim.DefaultServing()
	s.Name, s.Requests, s.Replicas.Initial = "test", requests, replicas
	s.Complete()
	return s
}

// swinging changes the count all the time.
type swinging struct {
	rng *rand.Rand
	n   int
}

func (d *swinging) Decide(obs scale.Observation) scale.Decision {
	d.n = 1 + d.rng.IntN(8)
	return scale.Decision{CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: d.n}
}
func (*swinging) Applied(time.Time, int, int) {}

// Whatever is done to the replicas: each request is served once or lost with its
// replica, and with what was asked for.
func TestServingLosesNoRequestAndNoToken(t *testing.T) {
	for seed := range uint64(4) {
		s := servingScenario(poisson(seed, 4, 20*time.Minute, chat), 3)
		s.Seed = seed
		s.Replicas.Drain = 24 * time.Hour
		if seed%2 == 1 {
			s.Faults.CrashEvery, s.Replicas.Drain = 5*time.Minute, 20*time.Second
		}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		w := sim.NewServing(&s)
		r := sim.Run(&s.Scenario, w, &swinging{rng: rand.New(rand.NewPCG(seed, 1))}, sim.Options{})
		w.SetReplicas(8)
		w.Advance(s.Length() + 3*time.Hour)
		got := w.Totals()
		if got.Arrived != len(s.Requests) || got.InProgress != 0 || (got.Failed > 0) != (seed%2 == 1) {
			t.Errorf("seed %d: of %d requests %d arrived, %d failed, %d are in progress", seed, len(s.Requests), got.Arrived, got.Failed, got.InProgress)
		}
		if seed%2 == 0 && got.Generated != got.Asked {
			t.Errorf("seed %d: %d tokens generated, %d asked for", seed, got.Generated, got.Asked)
		}
		if int(r.Requests) != len(s.Requests) || r.Actions == 0 {
			t.Errorf("seed %d: %v requests scored of %d, %d actions", seed, r.Requests, len(s.Requests), r.Actions)
		}
	}
}

func TestServingIsTheSameAgain(t *testing.T) {
	play := func(seed uint64) (sim.Result, sim.ServingTotals) {
		s := servingScenario(poisson(1, 3, 10*time.Minute, chat), 2)
		s.Copies, s.Seed = 2, seed
		w := sim.NewServing(&s)
		return *sim.Run(&s.Scenario, w, &swinging{rng: rand.New(rand.NewPCG(3, 1))}, sim.Options{}), w.Totals()
	}
	r1, t1 := play(1)
	r2, t2 := play(1)
	if !reflect.DeepEqual(r1, r2) || !reflect.DeepEqual(t1, t2) {
		t.Error("two runs of one seed differ")
	}
	if r3, _ := play(2); reflect.DeepEqual(r1, r3) {
		t.Error("two seeds give the same run")
	}
	if t1.Arrived != 2*len(poisson(1, 3, 10*time.Minute, chat)) {
		t.Errorf("%d arrived of two copies of %d", t1.Arrived, len(poisson(1, 3, 10*time.Minute, chat)))
	}
}

// Little's law: requests in progress on average are the rate times the time that
// each stays. The one is read from the signals, the other from the answers.
func TestServingKeepsLittlesLaw(t *testing.T) {
	s := servingScenario(poisson(5, 4, 2*time.Hour, chat), 5)
	s.Metrics.Scrape = 5 * time.Second
	w := sim.NewServing(&s)
	sum, n := 0.0, 0
	for at := 10 * time.Minute; at < s.Length(); at += 5 * time.Second {
		w.Advance(at)
		obs := w.Observe()
		running, known := obs.Last(scale.RunningRequests)
		waiting, _ := obs.Last(scale.QueueDepth)
		if known {
			sum, n = sum+running+waiting, n+1
		}
	}
	total := w.Totals()
	rate := float64(total.Arrived) / s.Length().Seconds()
	inProgress, want := sum/float64(n), rate*total.Answers.Mean()
	if math.Abs(inProgress/want-1) > 0.03 {
		t.Errorf("%.2f in progress on average, rate %.3f/s × %.2f s = %.2f", inProgress, rate, total.Answers.Mean(), want)
	}
}

// With iterations that cost nothing but what each sequence adds, a server gives
// every sequence the same share of its time: M/M/1 processor sharing, whose mean
// time is E[S]/(1−ρ) for any law of S (here it is geometric).
func TestServingIsProcessorSharingInTheLimit(t *testing.T) {
	for _, rho := range []float64{0.3, 0.6, 0.8} {
		const tokens = 200.0 // on average
		each := time.Millisecond
		mean := tokens * each.Seconds()
		s := servingScenario(poisson(9, rho/mean, 4*time.Hour, func(rng *rand.Rand) (int, int) {
			return 1, 1 + int(math.Log(1-rng.Float64())/math.Log(1-1/tokens))
		}), 1)
		s.Model = serving.Model{MaxBatch: 10_000, Budget: 20_000, Cache: 1 << 40, Iteration: time.Microsecond, PerSequence: each, PerPrompt: each}
		s.Complete()
		w := sim.NewServing(&s)
		w.Advance(s.Length())
		total := w.Totals()
		drawn := float64(total.Asked) * each.Seconds() // what was drawn, not what was to be expected
		got, want := total.Answers.Mean(), drawn/float64(total.Answered)/(1-drawn/s.Length().Seconds())
		if math.Abs(got/want-1) > 0.05 {
			t.Errorf("load %.1f: %.4f s on average, processor sharing says %.4f", rho, got, want)
		}
	}
}

// The busy share of the accelerator is 1 long before a server is full: half of
// the load shows the same as all of it, and the memory tells them apart.
func TestTheAcceleratorIsBusyLongBeforeItIsFull(t *testing.T) {
	read := func(replicas int) (gpu, memory float64) {
		s := servingScenario(poisson(2, 4, 20*time.Minute, chat), replicas)
		w := sim.NewServing(&s)
		w.Advance(15 * time.Minute)
		obs := w.Observe()
		gpu, _ = obs.Last(scale.GPUUtilization)
		memory, _ = obs.Last(scale.KVCacheUsage)
		return gpu, memory
	}
	gpu, memory := read(5)
	idleGPU, idleMemory := read(10)
	if gpu < 0.95 || idleGPU < 0.9 || idleMemory > 0.7*memory {
		t.Errorf("5 replicas: busy %.2f, memory %.2f; 10 replicas: %.2f and %.2f", gpu, memory, idleGPU, idleMemory)
	}
}

// A request for which no server has the memory fails at once, and counts as no
// policy's fault; so does one whose prompt alone takes too long.
func TestWhatNoServerCanDoIsNoPolicysFault(t *testing.T) {
	s := servingScenario([]serving.Request{{Prompt: 20_000, Output: 1}, {At: time.Second, Prompt: 15_000, Output: 1}, {At: 30 * time.Second, Prompt: 10, Output: 1}}, 1)
	w := sim.NewServing(&s)
	w.Advance(s.Length())
	if r := w.Result(); r.Requests != 3 || r.Violations != 2 || r.Intrinsic != 2 || r.Avoidable != 0 || r.Failed != 1 {
		t.Errorf("got %v requests, %v violations, %v intrinsic, %v failed", r.Requests, r.Violations, r.Intrinsic, r.Failed)
	}
}

func BenchmarkServing(b *testing.B) {
	requests := poisson(1, 5, time.Hour, chat)
	events := 0.0
	for b.Loop() {
		s := servingScenario(requests, 6)
		w := sim.NewServing(&s)
		w.Advance(s.Length())
		events += float64(w.Result().Events)
	}
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(len(requests)*b.N)/b.Elapsed().Seconds(), "requests/s")
}
