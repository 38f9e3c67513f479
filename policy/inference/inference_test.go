package inference_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/inference"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func bounds() policy.Env { return policy.Env{Target: "llm", Min: 1, Max: 100} }

func TestPromises(t *testing.T) {
	env := bounds()
	env.FirstToken = &scale.Objective{Threshold: scale.Duration(2 * time.Second), Target: 0.99, Window: scale.Duration(time.Hour)}
	policytest.Run(t,
		func(t *testing.T) policy.Policy { return build(t, inference.Default(), env) },
		func(t *testing.T) policy.Policy {
			cfg := inference.Default()
			cfg.Utilization = 50
			return build(t, cfg, env)
		})
}

func TestConfigurationsThatMakeNoSenseAreRefused(t *testing.T) {
	cfg := inference.Config{Utilization: 101, Rise: -1, Startup: -1}
	err := cfg.Validate()
	for _, want := range []string{
		"utilization: must be above 0 and at most 100, got 101", "rise: must be between 0 and 100, got -1",
		"startup: must not be negative", "idleToZero: must be above 0",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if err := inference.Default().Validate(); err != nil {
		t.Error(err)
	}
}

// Whatever a replica carries and however many there are in the beginning: under a
// load that stays, the count comes to rest, with enough for the load, after going
// into one direction only, and rests near the fewest that carry it.
func TestASteadyLoadComesToRest(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		m := model{alpha: 0.01 + 0.04*rng.Float64(), sequence: 1 / (4 + 100*rng.Float64()), startup: time.Duration(10+rng.IntN(300)) * time.Second}
		m.beta = m.alpha * m.sequence * 3 * rng.Float64() // full, at most three quarters of the time are that of the sequences
		fewest := 1 + rng.IntN(20)
		tokens := float64(fewest) * within(m, 0.8) * (0.96 - 0.5*rng.Float64()/float64(fewest))
		w := newWorld(t, m, inference.Default(), bounds(), 1+rng.IntN(30))
		begin, before := w.count, w.count
		ups, downs := 0, 0
		for range 8 * 60 * 4 { // two hours
			now := w.step(t, tokens)
			ups, downs = ups+max(0, now-before), downs+max(0, before-now)
			if now < before && m.used(tokens/float64(now)) > 1 {
				t.Fatalf("seed %d: from %d to %d (%s), which cannot carry %.0f tokens/s", seed, before, now, w.last.Reason, tokens)
			}
			before = now
		}
		used := m.used(tokens / float64(w.count))
		if used > 0.85 {
			t.Errorf("seed %d: from %d rests at %d, with %.2f of each in use (%s)", seed, begin, w.count, used, w.last.Reason)
		}
		if w.count > max(4, fewest+1+fewest/4) { // of four one goes only once it is known what that does
			t.Errorf("seed %d: from %d rests at %d, %d carry it (%s)", seed, begin, w.count, fewest, w.last.Reason)
		}
		if began := w.count; ups > 0 && downs > 0 && begin <= fewest && downs > 1+began {
			t.Errorf("seed %d: from %d to %d with %d up and %d down", seed, begin, w.count, ups, downs)
		}
		settled := w.count
		for range 240 {
			if n := w.step(t, tokens); n != settled {
				t.Fatalf("seed %d: rested at %d, then %d (%s)", seed, settled, n, w.last.Reason)
			}
		}
	}
}

// within is how many tokens a second a replica makes at a share of what it has.
func within(m model, share float64) float64 {
	low, high := 0.0, 1/m.beta
	for range 60 {
		if mid := (low + high) / 2; m.used(mid) > share {
			high = mid
		} else {
			low = mid
		}
	}
	return low
}

func TestALoadThatTriplesIsFollowedAtOnce(t *testing.T) {
	m := chat()
	w := newWorld(t, m, inference.Default(), bounds(), 4)
	each := within(m, 0.8)
	w.play(t, 3.5*each, time.Hour)
	before := w.count
	w.step(t, 10.5*each)
	if w.count <= before {
		t.Fatalf("stays at %d of 11 that are needed: %s", w.count, w.last.Reason)
	}
	w.play(t, 10.5*each, 10*time.Minute)
	if w.ready < 11 {
		t.Errorf("%d ready after 10 minutes, 11 are needed: %s", w.ready, w.last.Reason)
	}
}

func TestReasons(t *testing.T) {
	m := chat()
	each := within(m, 0.8)
	w := newWorld(t, m, inference.Default(), bounds(), 8)
	expect := func(want string) {
		t.Helper()
		if got := w.last.Reason.String(); !strings.Contains(got, want) {
			t.Errorf("at %v got %q, want %q in it", w.now, got, want)
		}
	}
	w.step(t, 2*each)
	expect("watched for 0 s only: stay at 8")
	w.play(t, 2*each, time.Hour)
	if w.count < 2 || w.count > 3 || !w.said["OthersCarry"] {
		t.Errorf("%d replicas for the load of two: %s; said %v", w.count, w.last.Reason, w.said)
	}
	w.step(t, 6*each)
	expect("running are worth")
	w.play(t, 6*each, 10*time.Minute)
	w.step(t, each)
	expect("as long as a model takes to load")
}

// Every sequence has a memory of its own, so what is left over after one replica
// less is checked for the others, also where the load alone would allow it.
func TestNothingGoesThatTheOthersCannotCarry(t *testing.T) {
	m := chat()
	w := newWorld(t, m, inference.Default(), bounds(), 6)
	w.play(t, 2*within(m, 0.8), 20*time.Minute)
	for share := 0.3; share < 1; share += 0.02 {
		for count := 2; count < 8; count++ {
			one := newWorld(t, m, inference.Default(), bounds(), count)
			tokens := float64(count) * within(m, share)
			for range 40 {
				n := one.step(t, tokens)
				if n < count && m.used(tokens/float64(n)) > 0.82 {
					t.Fatalf("%.0f %% of %d: down to %d, of which %.2f are in use: %s", share*100, count, n, m.used(tokens/float64(n)), one.last.Reason)
				}
				if n != count {
					break
				}
			}
		}
	}
}

func TestLateFirstTokensKeepWhatIsThere(t *testing.T) {
	env := bounds()
	env.FirstToken = &scale.Objective{Threshold: scale.Duration(2 * time.Second), Target: 0.95, Window: scale.Duration(time.Hour)}
	m := chat()
	w := newWorld(t, m, inference.Default(), env, 8)
	w.late = 2.5
	w.play(t, within(m, 0.8), 20*time.Minute)
	if w.count != 8 || w.last.Reason.Code != "FirstTokensLate" {
		t.Errorf("went to %d although first tokens are late: %s", w.count, w.last.Reason)
	}
	if got, want := w.last.Reason.String(), "no scale-down: 5 % of the first tokens take longer than 2 s, 5 % may"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.late = 0.5
	w.play(t, within(m, 0.8), 20*time.Minute)
	if w.count > 2 {
		t.Errorf("still %d: %s", w.count, w.last.Reason)
	}
}

func TestNobodyForLongEndsTheLastReplica(t *testing.T) {
	env := bounds()
	env.Min = 0
	w := newWorld(t, chat(), inference.Default(), env, 2)
	w.play(t, 0, 9*time.Minute)
	if w.count != 1 {
		t.Fatalf("%d after 9 minutes without a request, 1 has to stay: %s", w.count, w.last.Reason)
	}
	w.play(t, 0, 3*time.Minute)
	if w.count != 0 || !w.said["Idle"] {
		t.Errorf("%d after 12 minutes: %s", w.count, w.last.Reason)
	}
	w.ready = 0
	obs := w.observe(0)
	obs.Signal(scale.QueueDepth).Points[0].Value = 3
	if rec, err := w.policy.Recommend(obs); err != nil || rec.Replicas < 1 {
		t.Errorf("3 wait for none: %d replicas, %s, %v", rec.Replicas, rec.Reason, err)
	}
}

// A replica that was woken and has just loaded its model is not let go because
// nothing ran while nobody was there, whether somebody told so meanwhile or not.
func TestAReplicaThatWasWokenStaysForAWhile(t *testing.T) {
	for _, told := range []bool{true, false} {
		env := bounds()
		env.Min = 0
		w := newWorld(t, chat(), inference.Default(), env, 1)
		w.play(t, 0, 11*time.Minute)
		if w.count != 0 {
			t.Fatalf("told %v: %d after 11 minutes: %s", told, w.count, w.last.Reason)
		}
		w.ready = 0
		silent := func(length time.Duration) {
			for end := w.now + length; w.now < end; {
				w.now += sync
				obs := w.observe(0)
				if !told {
					obs.Signals = nil
				}
				if rec, err := w.policy.Recommend(obs); err == nil && rec.Replicas != w.count {
					t.Fatalf("told %v: at %v from %d to %d: %s", told, w.now, w.count, rec.Replicas, rec.Reason)
				}
			}
		}
		silent(3 * time.Hour)
		w.count = 1 // woken, by a request between two scrapes
		silent(2 * time.Minute)
		w.ready = 1
		w.play(t, 0, 9*time.Minute)
		if w.count != 1 {
			t.Errorf("told %v: %d within 9 minutes of being woken, want 1 for 10", told, w.count)
		}
		w.play(t, 0, 2*time.Minute)
		if w.count != 0 {
			t.Errorf("told %v: %d 11 minutes after it was woken: %s", told, w.count, w.last.Reason)
		}
	}
}

// Where nobody knows whether something ran, the time without a request begins
// anew.
func TestTimeWithoutSignalsIsNotIdle(t *testing.T) {
	env := bounds()
	env.Min = 0
	w := newWorld(t, chat(), inference.Default(), env, 1)
	w.play(t, 0, 8*time.Minute)
	for range 4 * 2 {
		w.now += sync
		obs := w.observe(0)
		obs.Signals = nil
		if _, err := w.policy.Recommend(obs); !errors.Is(err, scale.ErrNoData) {
			t.Fatalf("got %v, want ErrNoData", err)
		}
	}
	if w.play(t, 0, 5*time.Minute); w.count != 1 {
		t.Errorf("let go after 5 minutes that were seen: %s", w.last.Reason)
	}
}

func TestWhoSleepsIsNotWokenByNothing(t *testing.T) {
	env := bounds()
	env.Min = 0
	w := newWorld(t, chat(), inference.Default(), env, 0)
	for range 3 {
		if n := w.step(t, 0); n != 0 {
			t.Fatalf("at %v %d replicas for nobody: %s", w.now, n, w.last.Reason)
		}
		w.now += time.Hour // nobody looked meanwhile
	}
}

func TestWithoutASignalThereIsNoOpinion(t *testing.T) {
	for _, name := range []string{scale.QueueDepth, scale.RunningRequests, scale.KVCacheUsage} {
		w := newWorld(t, chat(), inference.Default(), bounds(), 3)
		obs := w.observe(100)
		obs.Signal(name).Trust = scale.Stale
		if _, err := w.policy.Recommend(obs); !errors.Is(err, scale.ErrNoData) || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: got %v, want ErrNoData that names it", name, err)
		}
	}
	w := newWorld(t, chat(), inference.Default(), bounds(), 3)
	obs := w.observe(400)
	obs.Signal(scale.TokensPerSecond).Trust = scale.Absent
	obs.At = scaletest.At(time.Minute)
	if rec, err := w.policy.Recommend(obs); err != nil || rec.Replicas < 1 {
		t.Errorf("the tokens are of use, not needed: got %v, %v", rec.Replicas, err)
	}
}
