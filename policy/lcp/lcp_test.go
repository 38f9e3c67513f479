package lcp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/policy/lcp"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

const sync = 15 * time.Second

// hinted knows its service: 80 ms, four at a time, so one replica carries 50
// requests per second, and 30 s to start.
func hinted() lcp.Config {
	cfg := lcp.Default()
	cfg.Service = capacity.Config{
		ServiceMean: scale.Duration(80 * time.Millisecond), ServiceCV: 0.5, Concurrency: 4, Startup: scale.Duration(30 * time.Second),
	}
	return cfg
}

func env(curves *queueing.Library) policy.Env {
	return policy.Env{Target: "web", Min: 1, Max: 50, Sync: sync, Curves: curves, Objective: &scale.Objective{
		Threshold: scale.Duration(500 * time.Millisecond), Target: 0.999, Window: scale.Duration(time.Hour),
	}}
}

func build(t *testing.T, cfg lcp.Config) policy.Policy {
	t.Helper()
	return with(t, cfg, env(nil))
}

func with(t *testing.T, cfg lcp.Config, env policy.Env) policy.Policy {
	t.Helper()
	p, err := lcp.New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestConformance(t *testing.T) {
	shared := env(queueing.NewLibrary(queueing.DefaultLibrary))
	other := func(t *testing.T) policy.Policy {
		p, err := hpa.New(hpa.Default(), shared)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	policytest.Run(t, func(t *testing.T) policy.Policy { return with(t, hinted(), shared) }, other)
	t.Run("learning", func(t *testing.T) {
		policytest.Run(t, func(t *testing.T) policy.Policy { return with(t, lcp.Default(), shared) }, other)
	})
}

// story asks a policy every 15 s and does what it says.
type story struct {
	t        *testing.T
	policy   policy.Policy
	at       time.Duration
	replicas int
}

func (s *story) see(rate float64, want int, code string) {
	s.t.Helper()
	s.at += sync
	rec, err := s.policy.Recommend(scaletest.Observation(s.at, s.replicas, scaletest.Fresh(scale.RequestRate, scaletest.At(s.at), rate)))
	if err != nil || rec.Replicas != want || rec.Reason.Code != code {
		s.t.Errorf("at %v, %v/s on %d: got %d (%s: %s), %v; want %d (%s)", s.at, rate, s.replicas, rec.Replicas, rec.Reason.Code, rec.Reason, err, want, code)
	}
	s.replicas = rec.Replicas
}

// An overload costs more than any start at once; what is too much is kept for
// as long as a start takes, which is two intervals of 15 s.
func TestUpAtOnceDownWhenKeepingHasCostAStart(t *testing.T) {
	s := &story{t: t, policy: build(t, hinted()), replicas: 2}
	s.see(80, 2, "NoChangePays")
	s.see(400, 9, "AbsenceCosts")
	s.see(80, 9, "NoChangePays")
	s.see(80, 9, "NoChangePays")
	s.see(80, 2, "KeepingCosts")
	s.see(80, 2, "NoChangePays")
}

// A peak that comes again before keeping cost a start finds all its replicas.
func TestWhatIsNeededAgainSoonIsKept(t *testing.T) {
	s := &story{t: t, policy: build(t, hinted()), replicas: 9}
	for range 10 {
		s.see(400, 9, "NoChangePays")
		s.see(80, 9, "NoChangePays")
		s.see(80, 9, "NoChangePays")
	}
}

func TestADearRestartKeepsReplicasLonger(t *testing.T) {
	cfg := hinted()
	cfg.RestartCost = scale.Duration(5 * time.Minute)
	s := &story{t: t, policy: build(t, cfg), replicas: 9}
	s.see(400, 9, "NoChangePays")
	for range 22 { // 330 s
		s.see(80, 9, "NoChangePays")
	}
	s.see(80, 2, "KeepingCosts")
}

// What a start costs is learned: while one is on its way for longer than was
// known, what is there is kept as long.
func TestALongStartKeepsReplicasLonger(t *testing.T) {
	cfg := hinted()
	cfg.Service.Startup = 0
	for _, starting := range []int{0, 1} {
		p, last := build(t, cfg), 0
		for k := range 12 {
			at, rate := time.Duration(k+1)*sync, 400.0
			if k >= 8 {
				rate = 80
			}
			obs := scaletest.Observation(at, 9, scaletest.Fresh(scale.RequestRate, scaletest.At(at), rate))
			if k > 0 && starting > 0 { // asked for between the first two
				obs.Replicas = scaletest.Replicas(8, 1)
				obs.Replicas[8].ID, obs.Replicas[8].StartedAt = "r-new", scaletest.At(2*sync)
			}
			rec, err := p.Recommend(obs)
			if err != nil {
				t.Fatal(err)
			}
			last = rec.Replicas
		}
		if want := []int{2, 9}[starting]; last != want {
			t.Errorf("%d starting for two minutes: got %d, want %d", starting, last, want)
		}
	}
}

func TestRiskMovesTheCount(t *testing.T) {
	counts, inTurn := map[float64]int{}, env(nil)
	inTurn.Topology = queueing.Random // with one line for all a few replicas make all the difference
	for _, risk := range []float64{0.1, 1, 100} {
		cfg := hinted()
		cfg.Risk = risk
		rec, err := with(t, cfg, inTurn).Recommend(scaletest.Observation(sync, 1, scaletest.Fresh(scale.RequestRate, scaletest.At(sync), 1800)))
		if err != nil {
			t.Fatal(err)
		}
		counts[risk] = rec.Replicas
	}
	if !(counts[0.1] > counts[1] && counts[1] > counts[100] && counts[100] > 1800/50) {
		t.Errorf("got %v replicas by risk, want fewer with more risk, and always more than 36", counts)
	}
}

// Requests that wait have to be answered too.
func TestABacklogIsLoad(t *testing.T) {
	at := scaletest.At(sync)
	count := func(waiting float64) int {
		rec, err := build(t, hinted()).Recommend(scaletest.Observation(sync, 2,
			scaletest.Fresh(scale.QueueDepth, at, waiting), scaletest.Fresh(scale.RequestRate, at, 80)))
		if err != nil {
			t.Fatal(err)
		}
		return rec.Replicas
	}
	if with, without := count(4500), count(0); without != 2 || with < 2+4500/15/50 {
		t.Errorf("with 4500 waiting %d, without %d; want at least 8 and 2", with, without)
	}
}

// Nobody knows what a gap cost.
func TestAfterAGapItBeginsAnew(t *testing.T) {
	s := &story{t: t, policy: build(t, hinted()), replicas: 9}
	s.see(80, 9, "NoChangePays")
	s.see(80, 9, "NoChangePays")
	s.at += 5 * time.Minute
	s.see(80, 9, "NoChangePays")
	s.see(80, 9, "NoChangePays")
	s.see(80, 2, "KeepingCosts")
}

func TestAClockThatWasSetBackBeginsAnew(t *testing.T) {
	s := &story{t: t, policy: build(t, hinted()), replicas: 9}
	s.see(80, 9, "NoChangePays")
	s.see(80, 9, "NoChangePays")
	s.at -= time.Hour
	s.see(80, 9, "NoChangePays")
	s.see(80, 9, "NoChangePays")
	s.see(80, 2, "KeepingCosts")
}

// More than can be served asks for all there may be.
func TestAnAbsurdRateAsksForTheMost(t *testing.T) {
	s := &story{t: t, policy: build(t, hinted()), replicas: 9}
	s.see(1e18, 50, "AbsenceCosts")
}

// The same observation again is no interval.
func TestAskingAgainGivesTheSameAnswer(t *testing.T) {
	p := build(t, hinted())
	for k, want := range []int{9, 9, 2} {
		at := time.Duration(k+1) * sync
		for range 3 {
			rec, err := p.Recommend(scaletest.Observation(at, 9, scaletest.Fresh(scale.RequestRate, scaletest.At(at), 80)))
			if err != nil || rec.Replicas != want {
				t.Errorf("%v: got %d, %v; want %d", at, rec.Replicas, err, want)
			}
		}
	}
}

func TestWithoutAnObjectiveItSaysWhatIsMissing(t *testing.T) {
	if _, err := lcp.New(lcp.Default(), policy.Env{Max: 10}); err == nil || !strings.Contains(err.Error(), "objective.latency") {
		t.Errorf("got %v, want what is missing", err)
	}
}

func TestValidateReportsEveryFault(t *testing.T) {
	err := lcp.Config{Risk: -1, RestartCost: -1, Service: capacity.Config{Concurrency: -1}}.Validate()
	for _, want := range []string{"risk: ", "restartCost: ", "concurrency: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in: %v", want, err)
		}
	}
}

func TestRecommendDoesNotAllocate(t *testing.T) {
	p := build(t, hinted())
	obs := scaletest.Observation(sync, 20, scaletest.Fresh(scale.RequestRate, scaletest.At(sync), 700))
	step := func() {
		obs.At = obs.At.Add(sync)
		obs.Signals[0].Points[0].At = obs.At
		obs.Signals[0].Points[0].Value = 600 + 5*float64(obs.At.Second())
		_, _ = p.Recommend(obs)
	}
	for range 200 {
		step()
	}
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("Recommend allocates %v times in steady state, want 0", n)
	}
}

func BenchmarkRecommend(b *testing.B) {
	p, err := lcp.New(hinted(), env(nil))
	if err != nil {
		b.Fatal(err)
	}
	obs := scaletest.Observation(sync, 20, scaletest.Fresh(scale.RequestRate, scaletest.At(sync), 700))
	b.ReportAllocs()
	for b.Loop() {
		obs.At = obs.At.Add(sync)
		obs.Signals[0].Points[0].At = obs.At
		obs.Signals[0].Points[0].Value = 600 + 5*float64(obs.At.Second())
		_, _ = p.Recommend(obs)
	}
}
