package predictive_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// hinted knows its service: 80 ms, four at a time, so one replica carries 50
// requests per second, and 30 s to start.
func hinted() predictive.Config {
	cfg := predictive.Default()
	cfg.Service = capacity.Config{ServiceMean: scale.Duration(80 * time.Millisecond), ServiceCV: 0.5, Concurrency: 4, Startup: scale.Duration(30 * time.Second)}
	return cfg
}

// story asks a policy every 15 s and does what it says.
type story struct {
	t        *testing.T
	policy   *predictive.Policy
	at       time.Duration
	replicas int
	rec      scale.Recommendation
	err      error
}

func tell(t *testing.T, cfg predictive.Config, env policy.Env) *story {
	t.Helper()
	return &story{t: t, policy: build(t, cfg, env), replicas: 1}
}

// sees lets the policy decide on signals, and follows it.
func (s *story) sees(signals ...scale.Signal) {
	s.at += sync
	for i := range signals {
		signals[i].Points[0].At = scaletest.At(s.at)
	}
	s.rec, s.err = s.policy.Recommend(scaletest.Observation(s.at, s.replicas, signals...))
	if s.err == nil {
		s.replicas = s.rec.Replicas
	}
}

func (s *story) arrive(rate float64) {
	s.sees(scaletest.Fresh(scale.RequestRate, scaletest.At(0), rate))
}

// uses is CPU of all replicas, of which they have no more than there are.
func (s *story) uses(cpu float64) {
	s.sees(scaletest.Fresh(scale.CPUUtilization, scaletest.At(0), min(1, cpu/float64(s.replicas))))
}

// is tells what has become of it, and the rule that set it.
func (s *story) is(want int, code string) {
	s.t.Helper()
	if s.err != nil || s.rec.Replicas != want || s.rec.Reason.Code != code {
		s.t.Errorf("at %v: %d (%s: %s), %v; want %d (%s)", s.at, s.rec.Replicas, s.rec.Reason.Code, s.rec.Reason, s.err, want, code)
	}
}

// condition tells since when it holds; false: it does not.
func (s *story) condition(code string) (since time.Time, holds bool) {
	for _, c := range s.policy.Conditions() {
		if c.Reason.Code == code {
			return c.Since, true
		}
	}
	return time.Time{}, false
}

// lasts checks that a condition holds since it begins, in two decisions, and no
// longer when it ends.
func (s *story) lasts(code string, begins, ends func()) {
	s.t.Helper()
	if _, holds := s.condition(code); holds {
		s.t.Errorf("%s holds before anything is wrong", code)
	}
	begins()
	first := s.at
	begins()
	if since, holds := s.condition(code); !holds || !since.Equal(scaletest.At(first)) {
		s.t.Errorf("%s: holds %v since %v, want since %v; conditions %v", code, holds, since, scaletest.At(first), s.policy.Conditions())
	}
	ends()
	if _, holds := s.condition(code); holds {
		s.t.Errorf("%s still holds", code)
	}
}

// Steady load, requests that wait, and a fall: each number has its rule.
func TestWhichRuleSetTheNumber(t *testing.T) {
	s := tell(t, hinted(), environment())
	for range 300 {
		s.arrive(400)
	}
	s.is(9, "Forecast")
	// Of 6000 that wait 9 replicas answer (450 − 400)·30 until others have started:
	// (400 + 4500/30)/50 = 11
	s.sees(scaletest.Fresh(scale.Concurrency, scaletest.At(0), 400*0.08+6000), scaletest.Fresh(scale.RequestRate, scaletest.At(0), 400))
	s.is(11, "Backlog")
	for range 2 { // 30 s, as long as a start takes
		s.arrive(400)
		s.is(11, "Lazy")
	}
	s.arrive(400)
	s.is(9, "Forecast")
}

// A replica that is gone is not kept: to bring it back would cost the start.
func TestWhatIsGoneIsNotKept(t *testing.T) {
	s := tell(t, hinted(), environment())
	for range 300 {
		s.arrive(400)
	}
	s.sees(scaletest.Fresh(scale.Concurrency, scaletest.At(0), 400*0.08+6000), scaletest.Fresh(scale.RequestRate, scaletest.At(0), 400))
	s.is(11, "Backlog")
	s.replicas = 9 // somebody took two away
	s.arrive(400)
	s.is(9, "Forecast")
}

// Nothing arrives: the last replica goes after five minutes, and one comes when
// requests are back.
func TestSleepingAndWaking(t *testing.T) {
	env := environment()
	env.Min = 0
	s := tell(t, hinted(), env)
	for range 100 {
		s.arrive(10)
	}
	s.is(1, "Forecast")
	for range 20 {
		s.arrive(0)
		if s.rec.Replicas != 1 {
			t.Fatalf("asleep after %v: %s", s.at-100*sync, s.rec.Reason)
		}
	}
	for range 10 {
		s.arrive(0)
	}
	s.is(0, "Idle")
	s.arrive(10)
	if s.rec.Replicas < 1 {
		t.Errorf("requests arrive: %d replicas (%s)", s.rec.Replicas, s.rec.Reason)
	}
}

// Requests that wait at a balancer have arrived, whatever the rate says.
func TestNobodySleepsWhileRequestsWait(t *testing.T) {
	env := environment()
	env.Min = 0
	s := tell(t, hinted(), env)
	for range 50 {
		s.sees(scaletest.Fresh(scale.QueueDepth, scaletest.At(0), 3), scaletest.Fresh(scale.RequestRate, scaletest.At(0), 0))
	}
	if s.rec.Replicas < 1 {
		t.Errorf("three requests wait: %d (%s)", s.rec.Replicas, s.rec.Reason)
	}
}

// A replica that takes two minutes to start is looked ahead for as far: the same
// load that grows asks for more of them.
func TestALongStartAsksForMore(t *testing.T) {
	last := 0
	for _, startup := range []time.Duration{5 * time.Second, 2 * time.Minute} {
		cfg := hinted()
		cfg.Service.Startup = scale.Duration(startup)
		s := tell(t, cfg, environment())
		for i := range 300 {
			s.arrive(1000 + 20*float64(i))
		}
		if s.rec.Replicas <= last {
			t.Errorf("with starts of %v %d replicas, with shorter ones %d (%s)", startup, s.rec.Replicas, last, s.rec.Reason)
		}
		last = s.rec.Replicas
	}
}

// What is measured of all CPU, a rate that comes and goes: decided on is what is
// there, a rate that is merely late is waited for, and without either is no
// opinion.
func TestTheRateComesAndGoes(t *testing.T) {
	s := tell(t, hinted(), environment())
	on := func() string { return s.policy.Signals()[0] }
	for range 100 {
		s.arrive(400)
	}
	before := s.rec
	late := scaletest.Fresh(scale.RequestRate, scaletest.At(0), 400)
	late.Trust = scale.Stale
	s.sees(scaletest.Fresh(scale.CPUUtilization, scaletest.At(0), 0.8), late)
	if !errors.Is(s.err, scale.ErrNoData) || on() != scale.RequestRate {
		t.Errorf("the rate is late: %v, decided on %s", s.err, on())
	}
	for range 100 {
		s.uses(8)
	}
	if s.err != nil || on() != scale.CPUUtilization || s.rec.Replicas < 10 || s.rec.Replicas > 20 {
		t.Errorf("CPU of 8 replicas is used: %d (%s), %v, decided on %s", s.rec.Replicas, s.rec.Reason, s.err, on())
	}
	s.arrive(400)
	if s.err != nil || on() != scale.RequestRate {
		t.Errorf("the rate is back: %v, decided on %s", s.err, on())
	}
	s.is(before.Replicas, "Forecast")
}

// Hints are for the policy alone: what the rules learn of the service knows none.
func TestHintsAreNotShared(t *testing.T) {
	env := environment()
	env.Service = capacity.NewLearner(capacity.Config{}, *env.Objective, env.Topology, 2*env.Max, env.Curves)
	s := tell(t, hinted(), env)
	s.arrive(400)
	if s.err != nil || env.Service.Known() {
		t.Errorf("of a hinted service: %v; that of the rules is known: %v", s.err, env.Service.Known())
	}
}

// What was learned by the rate waits until that is back, through a restart too.
func TestAnOutageOfTheRateForgetsNothing(t *testing.T) {
	s := tell(t, predictive.Default(), environment())
	for range 200 {
		s.sees(serves(0, 400, s.replicas).Signals...)
	}
	before := s.rec
	for range 40 {
		s.uses(8)
	}
	memory, err := s.policy.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	s.policy = build(t, predictive.Default(), environment())
	if err := s.policy.Restore(memory); err != nil {
		t.Fatal(err)
	}
	s.uses(8)
	if got := s.policy.Signals()[0]; got != scale.CPUUtilization {
		t.Errorf("after a restart it decides on %s, want CPU as before", got)
	}
	s.sees(serves(0, 400, s.replicas).Signals...)
	if s.err != nil || s.rec.Replicas != before.Replicas {
		t.Errorf("the rate is back: %d (%s), %v; want the %d of before", s.rec.Replicas, s.rec.Reason, s.err, before.Replicas)
	}
}

// Nobody says how long a request may take: CPU decides.
func TestWithoutAnObjective(t *testing.T) {
	env := environment()
	env.Objective = nil
	s := tell(t, predictive.Default(), env)
	s.arrive(400)
	if !errors.Is(s.err, scale.ErrNoData) {
		t.Errorf("there is a rate and no objective: %v (%s)", s.err, s.rec.Reason)
	}
	for range 100 {
		s.uses(8)
	}
	if s.err != nil || s.rec.Replicas < 10 || s.rec.Replicas > 20 {
		t.Errorf("CPU of 8 replicas is used: %d (%s), %v", s.rec.Replicas, s.rec.Reason, s.err)
	}
}

// All CPU is used: the load cannot be seen, so what is ready is doubled until it
// can be, and none of that is taken for a rise of the load.
func TestASaturatedCPUIsDoubled(t *testing.T) {
	s := tell(t, predictive.Default(), environment())
	for range 100 {
		s.uses(2)
	}
	n := s.rec.Replicas
	for 50 >= s.replicas {
		n *= 2
		s.uses(50)
		s.is(n, "Saturated")
	}
	for range 300 {
		s.uses(50)
	}
	if n := s.rec.Replicas; n <= 50 || n > 100 {
		t.Errorf("CPU of 50 replicas is used: %d (%s)", n, s.rec.Reason)
	}
}

func TestConditions(t *testing.T) {
	arrive := func(s *story, rate float64, times int) func() {
		return func() {
			for range times {
				s.arrive(rate)
			}
		}
	}
	t.Run("a spike is faster than replicas start", func(t *testing.T) {
		s := tell(t, hinted(), environment())
		arrive(s, 100, 50)()
		s.lasts("SpikeFasterThanStartup", func() { s.replicas = 3; s.arrive(900) }, arrive(s, 900, 10))
	})
	t.Run("so is one that takes all CPU", func(t *testing.T) {
		s := tell(t, predictive.Default(), environment())
		for range 50 {
			s.uses(0.1)
		}
		s.lasts("SpikeFasterThanStartup", func() { s.replicas = 2; s.uses(9) }, func() { s.replicas = 40; s.uses(9) })
	})
	t.Run("more is needed than is allowed", func(t *testing.T) {
		env := environment()
		env.Max = 10
		s := tell(t, hinted(), env)
		arrive(s, 100, 50)()
		s.lasts("CeilingReached", arrive(s, 900, 1), arrive(s, 100, 1000))
	})
	t.Run("no number of replicas keeps the objective", func(t *testing.T) {
		env := environment()
		env.Objective.Threshold = scale.Duration(80 * time.Millisecond)
		s := tell(t, hinted(), env)
		s.arrive(100)
		if since, holds := s.condition("ObjectiveInfeasible"); !holds || !since.Equal(scaletest.At(sync)) {
			t.Errorf("half of the services take longer than the objective: %v", s.policy.Conditions())
		}
	})
	t.Run("nothing is measured", func(t *testing.T) {
		s := tell(t, hinted(), environment())
		arrive(s, 100, 50)()
		s.lasts("MetricsMissing", func() { s.sees() }, arrive(s, 100, 1))
	})
	t.Run("nobody is ready to be measured", func(t *testing.T) {
		s := tell(t, predictive.Default(), environment())
		for at, replicas := range []int{0, 3} {
			obs := scaletest.Observation(time.Duration(at)*sync, replicas)
			for i := range obs.Replicas {
				obs.Replicas[i].Readiness.Ready = false
			}
			_, _ = s.policy.Recommend(obs)
			said := s.policy.Conditions()[0].Reason.String()
			if blamed := strings.Contains(said, "while no replica is ready"); blamed != (replicas > 0) {
				t.Errorf("%d replicas, none ready: %q", replicas, said)
			}
		}
	})
	t.Run("another topology would save more", func(t *testing.T) {
		env := environment()
		env.Topology = queueing.Random
		s := tell(t, hinted(), env)
		arrive(s, 400, 40)()
		if _, holds := s.condition("AnotherTopology"); holds {
			t.Error("compared before ten minutes have passed")
		}
		arrive(s, 400, 2)()
		if _, holds := s.condition("AnotherTopology"); !holds {
			t.Errorf("spread at random 400/s need many more: %v", s.policy.Conditions())
		}
		arrive(s, 1, 42)()
		if _, holds := s.condition("AnotherTopology"); holds {
			t.Error("1/s needs one replica, however it is spread")
		}
	})
}
