package capacity_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
)

func promise() scale.Objective {
	return scale.Objective{Threshold: scale.Duration(500 * time.Millisecond), Target: 0.99, Window: scale.Duration(time.Hour)}
}

// moment is what is measured of replicas with 4 slots at light load, when
// services take so long.
func moment(after time.Duration, replicas int, rate, mean float64) scale.Observation {
	rng, h, at := rand.New(rand.NewPCG(uint64(after), 1)), &series.Histogram{}, scaletest.At(after)
	sigma := math.Sqrt(math.Log1p(0.25))
	for range int(10 * rate) {
		h.Add(mean * math.Exp(sigma*rng.NormFloat64()-sigma*sigma/2))
	}
	signals := []scale.Signal{
		scaletest.Fresh(scale.Concurrency, at, rate*mean),
		scaletest.Fresh(scale.CPUUtilization, at, rate*mean/float64(4*replicas)),
		scaletest.Fresh(scale.Latency, at, 2*mean),
		scaletest.Fresh(scale.QueueDepth, at, 0),
		scaletest.Fresh(scale.RequestRate, at, rate),
		scaletest.Fresh(scale.Utilization, at, rate*mean/float64(4*replicas)),
	}
	for i := range signals {
		signals[i].Window = 10 * time.Second
	}
	signals[2].Distribution = h
	return scaletest.Observation(after, replicas, signals...)
}

func learner(cfg capacity.Config) *capacity.Learner {
	return capacity.NewLearner(cfg, promise(), queueing.LeastConn, 100, nil)
}

func watch(l *capacity.Learner, from, until time.Duration, replicas int, rate, mean float64) {
	for at := from; at < until; at += 15 * time.Second {
		obs := moment(at, replicas, rate, mean)
		l.Observe(&obs)
	}
}

func TestTheFirstObservationIsAnAnswer(t *testing.T) {
	l := learner(capacity.Config{})
	if l.Known() || l.PerReplica() != 0 || l.Demand(100, 0.01) != 0 {
		t.Error("something is known before anything was measured")
	}
	watch(l, 0, time.Second, 10, 200, 0.08)
	if !l.Known() || math.Abs(l.PerReplica()/50-1) > 0.1 {
		t.Errorf("after one observation a replica carries %v, want 50 ± 10 %%", l.PerReplica())
	}
	if f := l.Facts(); f.Source != "learned from utilization" || f.Uncertain || f.Slots != 4 {
		t.Errorf("got %+v", f)
	}
}

// A deployment that doubles the service shows after two decisions, one that
// makes it a tenth dearer within some minutes.
func TestServicesThatChange(t *testing.T) {
	l := learner(capacity.Config{})
	watch(l, 0, 20*time.Minute, 10, 100, 0.08)
	watch(l, 20*time.Minute, 20*time.Minute+30*time.Second, 10, 100, 0.16)
	if got := l.Facts().Mean; math.Abs(got/0.16-1) > 0.05 {
		t.Errorf("two decisions after services take 160 ms instead of 80 ms: %v s", got)
	}
	watch(l, 21*time.Minute, 40*time.Minute, 10, 100, 0.176)
	if got := l.Facts().Mean; math.Abs(got/0.176-1) > 0.03 {
		t.Errorf("19 minutes after services take 176 ms instead of 160 ms: %v s", got)
	}
}

func TestHintsAreTaken(t *testing.T) {
	l := learner(capacity.Config{ServiceMean: scale.Duration(100 * time.Millisecond), ServiceCV: 0.3, Concurrency: 2, Startup: scale.Duration(time.Minute)})
	if !l.Known() || l.PerReplica() != 20 || l.Startup() != time.Minute {
		t.Errorf("a replica carries %v/s and starts in %v, want 20 and 1m", l.PerReplica(), l.Startup())
	}
	want, err := queueing.Service{Law: queueing.Lognormal(0.1, 0.3), Slots: 2}.Demand(150, 0.5, 0.01)
	if got := l.Demand(150, 0.01); err != nil || got < want || got > want+1 {
		t.Errorf("150 requests/s need %d, by the formulas %d (%v)", got, want, err)
	}
	watch(l, 0, 5*time.Minute, 10, 200, 0.08)
	if f := l.Facts(); f.Mean != 0.1 || f.CV != 0.3 || f.Slots != 2 || !f.MeanHinted || f.Source != "hint" {
		t.Errorf("got %+v, want what was stated", f)
	}
}

// Nothing but CPU is known: square-root staffing in replicas' worth of it.
func TestWorkWithoutRequests(t *testing.T) {
	l := learner(capacity.Config{})
	obs := scaletest.Observation(0, 20, scaletest.Fresh(scale.CPUUtilization, scaletest.At(0), 0.8))
	l.Observe(&obs)
	if !l.Known() || !l.WorkOnly() || l.PerReplica() != 1 || l.Facts().Work != 16 {
		t.Errorf("known %v, work only %v, a replica carries %v, work %v; want 16 replicas' worth", l.Known(), l.WorkOnly(), l.PerReplica(), l.Facts().Work)
	}
	// 16 + 2.326·√16 = 25.3
	if n := l.Demand(16, 0.01); n != 26 {
		t.Errorf("got %d, want 26", n)
	}
	if a := l.Avoidable(26, 16, 0); a > 0.01 || l.Avoidable(25, 16, 0) < 0.01 {
		t.Errorf("26 replicas: %v violate, 25: %v; want 1 %% between", a, l.Avoidable(25, 16, 0))
	}
	watch(l, time.Minute, 2*time.Minute, 10, 200, 0.08)
	if l.WorkOnly() {
		t.Error("requests are measured now")
	}
}

// Loads are told by requests wherever somebody counts them, else by the CPU that was just
// measured.
func TestWhatLoadsAreToldBy(t *testing.T) {
	told := func(l *capacity.Learner, obs scale.Observation) (string, float64) {
		l.Observe(&obs)
		s := l.Load(&obs)
		if s == nil {
			return "", 0
		}
		return s.Name, s.Points[len(s.Points)-1].Value
	}
	at := scaletest.At
	cpu := func(sec int, age time.Duration) scale.Signal {
		return scaletest.Fresh(scale.CPUUtilization, at(time.Duration(sec)*time.Second-age), 0.8)
	}
	seen := scaletest.Observation
	l := learner(capacity.Config{})
	for _, tc := range []struct {
		name string
		obs  scale.Observation
		by   string
		load float64
	}{
		{"CPU alone", seen(0, 20, cpu(0, 0)), scale.CPUUtilization, 16},
		{"CPU that was measured before", seen(15*time.Second, 20, cpu(15, 15*time.Second)), scale.CPUUtilization, 16},
		{"nobody is ready", seen(30*time.Second, 0, cpu(30, 0)), "", 0},
		{"nothing", seen(45*time.Second, 20), "", 0},
		{"requests that nobody sends", seen(60*time.Second, 20, cpu(60, 0), scaletest.Fresh(scale.RequestRate, at(time.Minute), 0)), scale.RequestRate, 0},
		{"requests", seen(75*time.Second, 20, cpu(75, 0), scaletest.Fresh(scale.RequestRate, at(75*time.Second), 300)), scale.RequestRate, 300},
		{"requests that are no longer counted", seen(90*time.Second, 20, cpu(90, 0)), "", 0},
	} {
		if by, load := told(l, tc.obs); by != tc.by || load != tc.load {
			t.Errorf("%s: %v of %q, want %v of %q", tc.name, load, by, tc.load, tc.by)
		}
	}
}

// Whatever is asked, the answer is a share.
func TestOddQuestionsHaveAnswers(t *testing.T) {
	known, work := learner(capacity.Config{ServiceMean: scale.Duration(80 * time.Millisecond), Concurrency: 4}), learner(capacity.Config{})
	cpu := scaletest.Observation(0, 4, scaletest.Fresh(scale.CPUUtilization, scaletest.At(0), 0.5))
	if work.Observe(&cpu); !work.WorkOnly() {
		t.Fatal("the CPU alone is measured")
	}
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0, 1e-300, 1e308, 100}
	for _, l := range []*capacity.Learner{known, work} {
		for _, rate := range odd {
			for _, backlog := range odd {
				if v := l.Avoidable(3, rate, backlog); !(v >= 0 && v <= 1) {
					t.Errorf("at %v/s with %v waiting: %v", rate, backlog, v)
				}
			}
			if n := l.Demand(rate, 0.01); n < 0 || n > 100 {
				t.Errorf("%v/s need %d of 100", rate, n)
			}
		}
	}
}

// Whatever is measured, what is learned can be written down and asked.
func TestOddMeasurementsLeaveNoOddNumbers(t *testing.T) {
	curves, odd := queueing.NewLibrary(queueing.DefaultLibrary), []float64{math.NaN(), math.Inf(1), -1, 0, 1e-300, 1e14, 1e308}
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		l := capacity.NewLearner(capacity.Config{Concurrency: 4}, promise(), queueing.LeastConn, 100, curves)
		for i := range 30 {
			obs := moment(time.Duration(i)*15*time.Second, 1+rng.IntN(5), 50, 0.08)
			for k := range obs.Signals {
				if rng.IntN(4) == 0 {
					obs.Signals[k].Points[0].Value = odd[rng.IntN(len(odd))]
				}
			}
			if rng.IntN(8) == 0 {
				obs.Signals[2].Distribution.Add(odd[rng.IntN(len(odd))])
			}
			l.Observe(&obs)
			if _, err := l.Snapshot(); err != nil || !series.Finite(l.PerReplica()) || !series.Finite(l.Facts().Work) || !series.Finite(l.Backlog()) {
				t.Fatalf("seed %d: %v, %+v", seed, err, l.Facts())
			}
		}
	}
}

func TestBacklog(t *testing.T) {
	l := learner(capacity.Config{})
	watch(l, 0, time.Minute, 10, 200, 0.08)
	if b := l.Backlog(); b != 0 {
		t.Errorf("in the steady state %v wait", b)
	}
	obs := moment(time.Minute, 10, 200, 0.08)
	obs.Signals[0].Points[0].Value += 300
	l.Observe(&obs)
	if b := l.Backlog(); math.Abs(b-300) > 20 {
		t.Errorf("300 more are in progress: %v wait", b)
	}
	obs = moment(2*time.Minute, 0, 200, 0.08)
	obs.Signals[0].Points[0].Value, obs.Signals[3].Points[0].Value = 70, 60
	l.Observe(&obs)
	if b := l.Backlog(); b != 70 {
		t.Errorf("no replica, 70 in progress: %v wait", b)
	}
}

// Starts are counted from the observation before the replica was there.
func TestStartups(t *testing.T) {
	l := learner(capacity.Config{})
	if l.Startup() != capacity.DefaultStartup {
		t.Errorf("before a start was seen: %v", l.Startup())
	}
	play := func(after time.Duration, replicas ...scale.Replica) {
		obs := scaletest.Observation(after, 0)
		obs.Replicas = replicas
		l.Observe(&obs)
	}
	old := scaletest.Replicas(1, 0)[0]
	starting := scale.Replica{ID: "s-1", Phase: scale.Running, StartedAt: scaletest.At(17 * time.Second)}
	play(0, old)
	play(15*time.Second, old)
	play(30*time.Second, old, starting)
	starting.Readiness = scale.Readiness{Known: true, Ready: true, Since: scaletest.At(61 * time.Second)}
	play(75*time.Second, old, starting)
	if got := l.Startup(); got != 46*time.Second {
		t.Errorf("asked for at 15 s, ready at 61 s: %v", got)
	}
	never := scale.Replica{ID: "s-2", Phase: scale.Pending}
	play(90*time.Second, old, starting, never)
	play(190*time.Second, old, starting, never)
	if got := l.Startup(); got != 115*time.Second {
		t.Errorf("one was asked for 115 s ago and is not ready: %v", got)
	}
	starting.StartedAt, starting.Readiness.Since, starting.Restarts = scaletest.At(191*time.Second), scaletest.At(195*time.Second), 1
	play(200*time.Second, old, starting)
	if got := l.Startup(); got != 46*time.Second {
		t.Errorf("a restart is no start: %v", got)
	}
}

// Who was away for an hour does not know when a replica was asked for, but when
// it was started, at best.
func TestNoStartTakesAsLongAsNobodyLooked(t *testing.T) {
	l, old := learner(capacity.Config{}), scaletest.Replicas(1, 0)[0]
	ready := scale.Readiness{Known: true, Ready: true, Since: scaletest.At(59 * time.Minute)}
	started := scale.Replica{ID: "s-1", Phase: scale.Running, StartedAt: scaletest.At(58 * time.Minute), Readiness: ready}
	unknown := scale.Replica{ID: "s-2", Phase: scale.Running, Readiness: ready}
	pending := scale.Replica{ID: "s-3", Phase: scale.Pending}
	for after, replicas := range [][]scale.Replica{{old}, {old, started, unknown, pending}} {
		obs := scaletest.Observation(time.Duration(after)*time.Hour, 0)
		obs.Replicas = replicas
		l.Observe(&obs)
	}
	if got := l.Startup(); got != time.Minute {
		t.Errorf("started at 58 min, ready at 59 min: %v", got)
	}
}

// What a balancer that looks at the replicas would save is what one needs that does.
func TestAnotherTopology(t *testing.T) {
	cfg := capacity.Config{ServiceMean: scale.Duration(80 * time.Millisecond), ServiceCV: 0.5, Concurrency: 4}
	random := capacity.NewLearner(cfg, promise(), queueing.Random, 100, nil)
	before, other, after := random.Demand(1000, 0.01), random.LeastConn(1000, 0.01), random.Demand(1000, 0.01)
	if want := learner(cfg).Demand(1000, 0.01); other != want || other >= before || before != after {
		t.Errorf("at random %d and then %d, with least connections %d; want the same twice, and %d", before, after, other, want)
	}
}

// What it learned goes into a snapshot, and nothing else into what follows.
func TestRestoredItAnswersAsIfNeverStopped(t *testing.T) {
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	rapid.Check(t, func(t *rapid.T) {
		running := capacity.NewLearner(capacity.Config{}, promise(), queueing.LeastConn, 100, curves)
		restored := capacity.NewLearner(capacity.Config{}, promise(), queueing.LeastConn, 100, curves)
		seed := rapid.Uint64().Draw(t, "seed")
		hostile := scaletest.Hostile(seed, 12)
		for i := range hostile {
			obs := hostile[i]
			if rapid.Bool().Draw(t, "sane") {
				obs = moment(obs.At.Sub(scaletest.At(0)), 1+i, 50, 0.05)
			}
			running.Observe(&obs)
			state, err := restored.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			restored = capacity.NewLearner(capacity.Config{}, promise(), queueing.LeastConn, 100, curves)
			if err := restored.Restore(state); err != nil {
				t.Fatal(err)
			}
			restored.Observe(&obs)
			again := obs
			restored.Observe(&again) // the same time: nothing
			if running.Facts() != restored.Facts() {
				t.Fatalf("running %+v\nrestored %+v", running.Facts(), restored.Facts())
			}
			for _, x := range []float64{running.Avoidable(3, 70, 5), running.PerReplica(), running.Backlog(), running.Startup().Seconds(), float64(running.Demand(70, 0.01))} {
				if !series.Finite(x) || x < 0 {
					t.Fatalf("%v is no answer: %+v", x, running.Facts())
				}
			}
		}
	})
	foreign, _ := scale.Seal("forecast", 1, nil, struct{}{})
	if err := learner(capacity.Config{}).Restore(foreign); !errors.Is(err, scale.ErrSnapshot) {
		t.Errorf("a snapshot of another kind: %v", err)
	}
}

// Start-up and service times are facts of the service: other hints and another
// objective change none. The error of a model is that of one model.
func TestFactsSurviveAnotherConfiguration(t *testing.T) {
	was := learner(capacity.Config{})
	watch(was, 0, 10*time.Minute, 10, 400, 0.08)
	started := scaletest.Observation(11*time.Minute, 10)
	started.Replicas = append(started.Replicas, scale.Replica{ID: "new", StartedAt: scaletest.At(11 * time.Minute)})
	was.Observe(&started)
	started = scaletest.Observation(11*time.Minute+40*time.Second, 11)
	started.Replicas[10] = scale.Replica{ID: "new", Phase: scale.Running, StartedAt: scaletest.At(11 * time.Minute),
		Readiness: scale.Readiness{Known: true, Ready: true, Since: scaletest.At(11*time.Minute + 40*time.Second)}}
	was.Observe(&started)
	before := was.Facts()
	if before.Started != 1 || before.Correction == 1 {
		t.Fatalf("%+v: want a start and an error of the model", before)
	}
	memory, err := was.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	faster := promise()
	faster.Threshold /= 2
	for name, is := range map[string]*capacity.Learner{
		"other hints":       capacity.NewLearner(capacity.Config{ServiceCV: 0.7}, promise(), queueing.LeastConn, 100, nil),
		"another objective": capacity.NewLearner(capacity.Config{}, faster, queueing.LeastConn, 100, nil),
	} {
		if err := is.Restore(memory); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		after := is.Facts()
		if after.Started != 1 || after.Startup != before.Startup || after.Mean != before.Mean || after.Slots != before.Slots || after.Correction != 1 {
			t.Errorf("%s: got %+v, want what was known without the correction: %+v", name, after, before)
		}
	}
}

func TestConfig(t *testing.T) {
	if err := (capacity.Config{}).Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []capacity.Config{{ServiceMean: -1}, {ServiceCV: -1}, {ServiceCV: math.NaN()}, {Concurrency: -1}, {Startup: -1}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is valid", bad)
		}
	}
}

func BenchmarkLearner(b *testing.B) {
	l := learner(capacity.Config{})
	watch(l, 0, 5*time.Minute, 10, 200, 0.08)
	obs := moment(0, 10, 200, 0.08)
	b.Run("observe", func(b *testing.B) {
		b.ReportAllocs()
		after := 10 * time.Minute
		for b.Loop() {
			after += 15 * time.Second
			obs.At = scaletest.At(after)
			for i := range obs.Signals {
				obs.Signals[i].Points[0].At = obs.At
			}
			l.Observe(&obs)
		}
	})
	b.Run("avoidable", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Avoidable(9, 400, 3)
		}
	})
	b.Run("demand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Demand(400, 0.01)
		}
	})
}
