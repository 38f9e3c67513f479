package kpa_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/kpa"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
)

func build(t testing.TB, cfg kpa.Config) *kpa.Policy {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := kpa.New(cfg, policy.Env{Target: "web", Min: 0, Max: 100})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ten is a target of 10 requests in progress per replica.
func ten() kpa.Config {
	cfg := kpa.Default()
	cfg.Target, cfg.TargetUtilization = 10, 100
	return cfg
}

func TestConformance(t *testing.T) {
	delayed := ten()
	delayed.ScaleDownDelay, delayed.ActivationScale = scale.Duration(time.Minute), 3
	for name, cfg := range map[string]kpa.Config{"default": kpa.Default(), "delayed": delayed} {
		t.Run(name, func(t *testing.T) {
			policytest.Run(t,
				func(t *testing.T) policy.Policy { return build(t, cfg) },
				func(t *testing.T) policy.Policy { return build(t, ten()) })
		})
	}
}

// story feeds a policy one point per second and decides every two, as Knative
// does.
type story struct {
	t      *testing.T
	policy *kpa.Policy
	now    time.Duration
	points []series.Point
}

// run holds a load and a number of ready replicas for a while and returns
// the last recommendation.
func (s *story) run(length time.Duration, ready int, concurrency float64) scale.Recommendation {
	s.t.Helper()
	var rec scale.Recommendation
	for end := s.now + length; s.now < end; {
		s.now += time.Second
		s.points = append(s.points, series.Point{At: scaletest.At(s.now), Value: concurrency})
		if s.now%(2*time.Second) != 0 {
			continue
		}
		obs := scaletest.Observation(s.now, ready, scale.Signal{Name: scale.Concurrency, Trust: scale.Fresh, Points: s.points[max(0, len(s.points)-120):]})
		var err error
		if rec, err = s.policy.Recommend(obs); err != nil {
			s.t.Fatal(err)
		}
	}
	return rec
}

func (s *story) want(rec scale.Recommendation, n int, code string) {
	s.t.Helper()
	if rec.Replicas != n || rec.Reason.Code != code {
		s.t.Errorf("after %v: got %d (%s: %s), want %d (%s)", s.now, rec.Replicas, rec.Reason.Code, rec.Reason, n, code)
	}
}

func TestStableAndPanic(t *testing.T) {
	s := &story{t: t, policy: build(t, ten())}
	s.want(s.run(2*time.Minute, 1, 8), 1, "Target")
	// 30 in progress on one replica: the 6 s of the panic window want 3 before
	// the 60 s of the stable one have noticed.
	s.want(s.run(6*time.Second, 1, 30), 3, "Panic")
	s.want(s.run(10*time.Second, 3, 42), 5, "Panic")
	// The surge is over, but in a panic nothing is taken away …
	s.want(s.run(50*time.Second, 5, 8), 5, "Panic")
	// … until one stable window has passed since it last had reason to. Then
	// a rate of 2 halves what is ready, here 6.
	s.want(s.run(4*time.Second, 6, 8), 3, "ScaleRate")
	s.want(s.run(6*time.Second, 3, 8), 1, "Target")
	// Without demand there is none at all.
	s.want(s.run(70*time.Second, 1, 0), 0, "NoDemand")
}

// After a gap its memory holds nothing of the stable window. It then begins in
// a panic with what is ready, as one without memory does.
func TestAGapIsANewBeginning(t *testing.T) {
	s := &story{t: t, policy: build(t, ten())}
	s.run(3*time.Minute, 8, 80)
	s.now, s.points = s.now+15*time.Minute, nil
	s.want(s.run(2*time.Second, 8, 10), 8, "Panic")
	s.want(s.run(58*time.Second, 8, 10), 8, "Panic")
	s.want(s.run(4*time.Second, 8, 10), 4, "ScaleRate")
}

// The panic of the start waits for the first data.
func TestATimeWithoutDataIsNoHistory(t *testing.T) {
	s := &story{t: t, policy: build(t, ten())}
	if _, err := s.policy.Recommend(scaletest.Observation(0, 8)); !errors.Is(err, scale.ErrNoData) {
		t.Fatalf("got %v, want ErrNoData", err)
	}
	s.now = 5 * time.Minute
	s.want(s.run(2*time.Second, 8, 10), 8, "Panic")
}

// Where decisions or values always come more seldom than the stable window is
// long there are no gaps: it must get down all the same.
func TestWhatComesSeldomIsNoGap(t *testing.T) {
	for _, tc := range []struct {
		what        string
		every, sync time.Duration
		points      int // a second apart
	}{
		{"values", 90 * time.Second, 15 * time.Second, 1},
		{"decisions", 10 * time.Minute, 10 * time.Minute, 60},
	} {
		p, err := kpa.New(ten(), policy.Env{Target: "web", Max: 100, Sync: tc.sync})
		if err != nil {
			t.Fatal(err)
		}
		replicas := 8
		for now := tc.every; now <= 5*tc.every; now += tc.every {
			signal := scale.Signal{Name: scale.Concurrency, Trust: scale.Fresh}
			for i := range tc.points {
				at := now - time.Duration(tc.points-1-i)*time.Second
				signal.Points = append(signal.Points, series.Point{At: scaletest.At(at), Value: 10})
			}
			rec, err := p.Recommend(scaletest.Observation(now, replicas, signal))
			if err != nil {
				t.Fatal(err)
			}
			replicas = rec.Replicas
		}
		if replicas != 1 {
			t.Errorf("%s that come every %v: got %d, want 1", tc.what, tc.every, replicas)
		}
	}
}

// A surge that stays below twice the ready replicas is left to the stable
// window.
func TestNoPanicBelowTheThreshold(t *testing.T) {
	s := &story{t: t, policy: build(t, ten())}
	s.run(2*time.Minute, 1, 8)
	s.policy = build(t, ten())
	s.run(2*time.Second, 1, 8)
	s.want(s.run(10*time.Second, 1, 19), 1+1, "Panic") // 19 on 1 wants 2: that is twice
	s = &story{t: t, policy: build(t, ten())}
	s.run(62*time.Second, 4, 38)                      // the panic of the start is over
	s.want(s.run(10*time.Second, 4, 70), 5, "Target") // mean (50×38 + 10×70)/60 = 43.3
}

// A new life with several replicas begins in a panic: the little history that
// there is must not take them away.
func TestRestartKeepsWhatIsThere(t *testing.T) {
	s := &story{t: t, policy: build(t, ten())}
	s.want(s.run(60*time.Second, 8, 0), 8, "Panic")
	s.want(s.run(4*time.Second, 8, 0), 4, "ScaleRate")
	one := &story{t: t, policy: build(t, ten())}
	one.want(one.run(2*time.Second, 1, 0), 0, "NoDemand")
}

func TestRatesAndActivation(t *testing.T) {
	point := func(v float64) scale.Signal { return scaletest.Fresh(scale.Concurrency, scaletest.At(time.Second), v) }
	slow, active := ten(), ten()
	slow.MaxScaleUpRate = 1.1
	active.ActivationScale = 5
	rps := kpa.Default()
	rps.Metric = kpa.RPS
	for _, tc := range []struct {
		rule   string
		cfg    kpa.Config
		ready  int
		signal scale.Signal
		want   int
		code   string
	}{
		{"up by the rate, rounded up so that it can grow at all", slow, 1, point(100), 2, "Panic"},
		{"some demand wants the activation scale", active, 1, point(1), 5, "ActivationScale"},
		{"no demand does not", active, 1, point(0), 0, "NoDemand"},
		{"from none the rates start at one", ten(), 0, point(100), 10, "Panic"},
		{"100 in progress at 70 % by default", kpa.Default(), 1, point(69), 1, "Target"},
		{"the default is left at 70", kpa.Default(), 1, point(71), 2, "Panic"},
		{"200 per second at 70 % for rps", rps, 1, scaletest.Fresh(scale.RequestRate, scaletest.At(time.Second), 141), 2, "Panic"},
		{"an absurd value stays a count", ten(), 1, point(1e18), 1000, "Panic"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			rec, err := build(t, tc.cfg).Recommend(scaletest.Observation(time.Second, tc.ready, tc.signal))
			if err != nil || rec.Replicas != tc.want || rec.Reason.Code != tc.code {
				t.Errorf("got %d (%s: %s), %v; want %d (%s)", rec.Replicas, rec.Reason.Code, rec.Reason, err, tc.want, tc.code)
			}
		})
	}
}

// With a delay the largest wish of the last minute holds.
func TestScaleDownDelay(t *testing.T) {
	cfg := ten()
	cfg.ScaleDownDelay, cfg.MaxScaleDownRate = scale.Duration(time.Minute), 100
	s := &story{t: t, policy: build(t, cfg)}
	s.run(62*time.Second, 4, 40) // the panic of the start is over
	s.want(s.run(58*time.Second, 4, 10), 4, "ScaleDownDelay")
	s.want(s.run(62*time.Second, 4, 10), 1, "Target")
}

// The same newest point seen by two decisions counts once.
func TestPointsAreCountedOnce(t *testing.T) {
	p := build(t, ten())
	points := []series.Point{{At: scaletest.At(1 * time.Second), Value: 10}, {At: scaletest.At(2 * time.Second), Value: 18}}
	signal := scale.Signal{Name: scale.Concurrency, Trust: scale.Fresh, Points: points}
	for i := range 5 {
		obs := scaletest.Observation(2*time.Second+time.Duration(i)*time.Millisecond, 1, signal)
		rec, err := p.Recommend(obs)
		if err != nil || rec.Proposals[0].Reason.Args[0] != 14 {
			t.Fatalf("look %d: got a mean of %v (%s), %v; want 14", i, rec.Proposals[0].Reason.Args[0], rec.Reason, err)
		}
	}
}

// A window of an hour is longer than what an observation carries.
func TestTheStableWindowIsRemembered(t *testing.T) {
	cfg := ten()
	cfg.StableWindow, cfg.PanicThreshold = scale.Duration(time.Hour), 100
	s := &story{t: t, policy: build(t, cfg)}
	s.run(30*time.Minute, 1, 0)
	rec := s.run(30*time.Minute, 1, 20)
	if mean := rec.Proposals[0].Reason.Args[0]; mean < 9.9 || mean > 10.1 {
		t.Errorf("mean of half an hour of 0 and half of 20: got %v, want 10", mean)
	}
	data, err := s.policy.Snapshot()
	if err != nil || len(data) > 32<<10 {
		t.Errorf("memory of an hour: %d bytes, %v; want it bounded", len(data), err)
	}
}

func TestStaleDataGivesNoOpinion(t *testing.T) {
	stale := scaletest.Fresh(scale.Concurrency, scaletest.At(0), 5)
	stale.Trust = scale.Stale
	if _, err := build(t, ten()).Recommend(scaletest.Observation(time.Minute, 3, stale)); !errors.Is(err, scale.ErrNoData) {
		t.Errorf("got %v, want ErrNoData", err)
	}
}

func TestValidateReportsEveryFault(t *testing.T) {
	got := kpa.Config{Metric: "cpu", Target: -1, ScaleDownDelay: -1}.Validate().Error()
	for _, want := range []string{`metric: must be one of concurrency, rps, got "cpu"`, "target: ", "targetUtilization: ", "stableWindow: ",
		"panicWindowPercentage: ", "panicThreshold: ", "maxScaleUpRate: ", "maxScaleDownRate: ", "activationScale: ", "scaleDownDelay: "} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
}

func TestRecommendDoesNotAllocate(t *testing.T) {
	cfg := ten()
	cfg.ScaleDownDelay = scale.Duration(time.Minute)
	p := build(t, cfg)
	obs := scaletest.Observation(time.Second, 4, scaletest.Fresh(scale.Concurrency, scaletest.At(time.Second), 30))
	step := func() {
		obs.At = obs.At.Add(2 * time.Second)
		obs.Signals[0].Points[0].At = obs.At
		obs.Signals[0].Points[0].Value = float64(30 + obs.At.Second()%7)
		_, _ = p.Recommend(obs)
	}
	for range 200 {
		step() // fills the windows once
	}
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("Recommend allocates %v times in steady state, want 0", n)
	}
}

// A panic that began on a clock that was a year ahead ends like any other.
func TestAPanicEndsAlthoughTheClockWasSetBack(t *testing.T) {
	p := build(t, kpa.Default())
	recommend := func(at time.Duration, replicas int, concurrency float64) scale.Recommendation {
		t.Helper()
		rec, err := p.Recommend(scaletest.Observation(at, replicas, scaletest.Fresh(scale.Concurrency, scaletest.At(at), concurrency)))
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	const year = 365 * 24 * time.Hour
	if rec := recommend(year, 2, 700); rec.Reason.Code != "Panic" {
		t.Fatalf("got %s, want a panic", rec.Reason)
	}
	if rec := recommend(0, 10, 140); rec.Reason.Code == "Panic" {
		t.Errorf("after the clock was set back: %d because %s, want the panic over", rec.Replicas, rec.Reason)
	}
}
