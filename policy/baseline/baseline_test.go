package baseline_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/baseline"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
)

func build(t testing.TB, cfg baseline.Config) *baseline.Policy {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := baseline.New(cfg, policy.Env{Target: "web", Min: 1, Max: 50})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func with(change func(*baseline.Config)) baseline.Config {
	cfg := baseline.Default()
	change(&cfg)
	return cfg
}

func TestConformance(t *testing.T) {
	quick := with(func(c *baseline.Config) { c.Warmup, c.History, c.Signal = 5, 10, scale.CPUUtilization })
	for name, cfg := range map[string]baseline.Config{"default": baseline.Default(), "quick": quick} {
		t.Run(name, func(t *testing.T) {
			policytest.Run(t,
				func(t *testing.T) policy.Policy { return build(t, cfg) },
				func(t *testing.T) policy.Policy { return build(t, with(func(c *baseline.Config) { c.K = 9 })) })
		})
	}
}

// story feeds a policy one window of 30 s after another and does what it says.
type story struct {
	t        *testing.T
	policy   *baseline.Policy
	now      time.Duration
	replicas int
}

// see is a decision on the newest window; ErrNoData is nobody's opinion.
func (s *story) see(seconds float64) scale.Recommendation {
	s.t.Helper()
	s.now += 30 * time.Second
	signal := scaletest.Fresh(scale.Latency, scaletest.At(s.now), seconds)
	signal.Window = 30 * time.Second
	rec, err := s.policy.Recommend(scaletest.Observation(s.now, s.replicas, signal))
	if err != nil && !errors.Is(err, scale.ErrNoData) {
		s.t.Fatal(err)
	}
	if err == nil {
		s.replicas = rec.Replicas
	}
	return rec
}

// usual sees n windows of 90, 100 and 110 ms in turn.
func (s *story) usual(n int) (rec scale.Recommendation) {
	for i := range n {
		rec = s.see(0.09 + 0.01*float64(i%3))
	}
	return rec
}

func (s *story) want(rec scale.Recommendation, n int, code string) {
	s.t.Helper()
	if s.replicas != n || rec.Reason.Code != code {
		s.t.Errorf("after %v: got %d (%s: %s), want %d (%s)", s.now, s.replicas, rec.Reason.Code, rec.Reason, n, code)
	}
}

func TestItLearnsBeforeItSpeaks(t *testing.T) {
	s := &story{t: t, policy: build(t, baseline.Default()), replicas: 4}
	for range 20 {
		if rec := s.see(0.1); rec.Reason.Code != "" {
			t.Fatalf("after %v: got %d (%s), want no opinion before 20 windows", s.now, rec.Replicas, rec.Reason)
		}
	}
	s.want(s.see(0.1), 4, "WithinBaseline")
}

func TestUpOnOneHighWindowDownOnThreeLowOnes(t *testing.T) {
	s := &story{t: t, policy: build(t, baseline.Default()), replicas: 4}
	// Median 100 ms, MAD 10 ms, sigma 14.8 ms: above 144 ms is high, below
	// 70 ms is low.
	s.usual(60)
	s.want(s.see(0.144), 4, "WithinBaseline")
	s.want(s.see(0.145), 5, "AboveBaseline")
	s.want(s.see(0.3), 6, "AboveBaseline")
	s.want(s.see(0.1), 6, "WithinBaseline")
	s.want(s.see(0.069), 6, "LowWindow")
	s.want(s.see(0.069), 6, "LowWindow")
	s.want(s.see(0.1), 6, "WithinBaseline") // no longer in a row
	s.want(s.see(0.069), 6, "LowWindow")
	s.want(s.see(0.069), 6, "LowWindow")
	s.want(s.see(0.069), 5, "BelowBaseline")
	s.want(s.see(0.069), 5, "LowWindow") // the next step takes three more
	s.want(s.see(0.069), 5, "LowWindow")
	s.want(s.see(0.069), 4, "BelowBaseline")
}

func TestAGapIsNotInARow(t *testing.T) {
	s := &story{t: t, policy: build(t, baseline.Default()), replicas: 4}
	s.usual(60)
	s.see(0.05)
	s.see(0.05)
	s.now += 5 * time.Minute
	s.want(s.see(0.05), 4, "LowWindow")
}

// Values of an instant have no window. The distance of the last two says what
// is in a row.
func TestAGapIsNotInARowOfInstantsEither(t *testing.T) {
	p := build(t, with(func(c *baseline.Config) { c.Warmup, c.LowWindows = 5, 2 }))
	now, codes := time.Duration(0), []string{}
	see := func(value float64) {
		now += 15 * time.Second
		rec, err := p.Recommend(scaletest.Observation(now, 4, scaletest.Fresh(scale.Latency, scaletest.At(now), value)))
		if err == nil {
			codes = append(codes, rec.Reason.Code)
		}
	}
	for range 6 {
		see(0.1)
	}
	see(0.01)
	now += 15 * time.Minute
	see(0.01)
	see(0.01)
	if want := "WithinBaseline LowWindow LowWindow BelowBaseline"; strings.Join(codes, " ") != want {
		t.Errorf("got %v, want %s", codes, want)
	}
}

// A service that always answers in the same time has a MAD of 0.
func TestAQuietServiceHasAFloorUnderItsDeviation(t *testing.T) {
	for _, tc := range []struct {
		name        string
		usual       float64
		normal, odd float64
	}{
		{"5 ms of a fast one: sigma 7.4 ms", 0.010, 0.032, 0.033},
		{"5 % of a slow one: sigma 74 ms", 1, 1.22, 1.23},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &story{t: t, policy: build(t, baseline.Default()), replicas: 4}
			for range 30 {
				s.see(tc.usual)
			}
			s.want(s.see(tc.normal), 4, "WithinBaseline")
			s.want(s.see(tc.odd), 5, "AboveBaseline")
		})
	}
}

// Ten windows of an outage among sixty are forgotten as they leave, and do
// not make the next outage look normal meanwhile.
func TestAnOutageDoesNotPoisonTheBaseline(t *testing.T) {
	s := &story{t: t, policy: build(t, with(func(c *baseline.Config) { c.StepPercent = 0 })), replicas: 1}
	s.usual(60)
	for range 10 {
		s.see(3)
	}
	s.want(s.see(0.1), 11, "WithinBaseline")
	s.want(s.see(0.3), 12, "AboveBaseline")
}

// A lasting change is the new normal once it fills half of the history.
func TestALastingChangeIsTheNewNormal(t *testing.T) {
	s := &story{t: t, policy: build(t, with(func(c *baseline.Config) { c.StepPercent = 0 })), replicas: 1}
	s.usual(60)
	for range 31 {
		s.see(0.3)
	}
	if s.replicas < 25 || s.replicas > 32 {
		t.Errorf("half a history of change added %d replicas, want one a window", s.replicas-1)
	}
	before := s.replicas
	for range 29 {
		s.see(0.3)
	}
	s.want(s.see(0.3), before, "WithinBaseline")
}

// Two decisions between two windows see the same point: it is one window, and
// one step.
func TestAWindowIsJudgedOnce(t *testing.T) {
	s := &story{t: t, policy: build(t, baseline.Default()), replicas: 4}
	s.usual(60)
	s.want(s.see(0.5), 5, "AboveBaseline")
	for _, seconds := range []int{1, 15, 29} {
		// A point that comes before the window is over does not begin a new one.
		points := []series.Point{{At: scaletest.At(s.now), Value: 0.5}, {At: scaletest.At(s.now + time.Duration(seconds)*time.Second), Value: 0.6}}
		signal := scale.Signal{Name: scale.Latency, Trust: scale.Fresh, Points: points, Window: 30 * time.Second}
		for current, want := range map[int]int{4: 5, 5: 5, 9: 9} {
			rec, err := s.policy.Recommend(scaletest.Observation(s.now+time.Duration(seconds)*time.Second, current, signal))
			if err != nil || rec.Replicas != want {
				t.Errorf("%d s later at %d: got %d (%s), %v; want %d", seconds, current, rec.Replicas, rec.Reason, err, want)
			}
		}
	}
}

// What an observation brings along counts as the windows it is.
func TestSeveralWindowsInOneObservation(t *testing.T) {
	p := build(t, with(func(c *baseline.Config) { c.Warmup, c.History = 5, 10 }))
	var points []series.Point
	for i := range 12 {
		points = append(points, series.Point{At: scaletest.At(time.Duration(i) * 15 * time.Second), Value: 0.1})
	}
	signal := scale.Signal{Name: scale.Latency, Trust: scale.Fresh, Points: points, Window: 30 * time.Second}
	rec, err := p.Recommend(scaletest.Observation(3*time.Minute, 4, signal))
	if err != nil || rec.Reason.Code != "WithinBaseline" {
		t.Errorf("12 points that are 6 windows: got %s, %v; want an opinion after 5", rec.Reason, err)
	}
	if _, err := build(t, baseline.Default()).Recommend(scaletest.Observation(3*time.Minute, 4, signal)); err == nil || !strings.Contains(err.Error(), "6 windows") {
		t.Errorf("got %v, want 6 windows seen", err)
	}
}

func TestLowFactorAndTheLastReplica(t *testing.T) {
	s := &story{t: t, policy: build(t, with(func(c *baseline.Config) { c.LowFactor, c.LowWindows = 0.9, 1 })), replicas: 2}
	s.usual(60)
	s.want(s.see(0.089), 1, "BelowBaseline")
	s.want(s.see(0.01), 1, "BelowBaseline")
}

func TestImpossiblePointsAreNoWindows(t *testing.T) {
	s := &story{t: t, policy: build(t, baseline.Default()), replicas: 4}
	s.usual(60)
	s.see(math.NaN())
	s.see(math.Inf(1))
	s.want(s.see(0.1), 4, "WithinBaseline")
}

func TestValidateReportsEveryFault(t *testing.T) {
	got := baseline.Config{Interval: -1, LowFactor: 1, StepPercent: -1, MinDeviation: -1, MinDeviationPercent: -1}.Validate().Error()
	for _, want := range []string{"signal: ", "interval: ", "history: ", "warmup: ", "k: ", "lowK: ", "lowFactor: ", "lowWindows: ",
		"minDeviation: must", "minDeviation: one of", "minDeviationPercent: ", "step: ", "stepPercent: "} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
}

func TestRecommendDoesNotAllocate(t *testing.T) {
	p := build(t, baseline.Default())
	obs := scaletest.Observation(time.Second, 4, scaletest.Fresh(scale.Latency, scaletest.At(time.Second), 0.1))
	step := func() {
		obs.At = obs.At.Add(30 * time.Second)
		obs.Signals[0].Points[0].At = obs.At
		_, _ = p.Recommend(obs)
	}
	for range 200 {
		step() // fills the history once
	}
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("Recommend allocates %v times in steady state, want 0", n)
	}
}
