package advised

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// Whatever is wanted, those serve that were wanted for the time of a start.
func TestScheduleServesWhatWasWantedForAStart(t *testing.T) {
	const step, startup = 15 * time.Second, 40 * time.Second
	rng := rand.New(rand.NewPCG(1, 2))
	var s schedule
	s.begin(3)
	wanted, at := []int{3, 3, 3, 3}, scaletest.At(0)
	for range 5000 {
		at = at.Add(step)
		if rng.IntN(3) == 0 {
			s.want(at, rng.IntN(20))
		}
		wanted = append(wanted, s.Wanted)
		// In the middle of the step: since 7.5 s, 22.5 s, 37.5 s; those wanted 52.5 s ago
		// were wanted at 40 s ago too.
		want := s.Wanted
		for _, n := range wanted[len(wanted)-4:] {
			want = min(want, n)
		}
		if got := s.serving(at.Add(step/2), startup); got != want {
			t.Fatalf("of %v serve %d, want %d", wanted[len(wanted)-4:], got, want)
		}
		if len(s.Fewer) > 4*mostStints/3 {
			t.Fatalf("%d counts are remembered", len(s.Fewer))
		}
	}
}

// pool is a service of 50 requests per second and replica, without chance.
type pool struct{}

func (pool) Avoidable(n int, rate, _ float64) float64 { return max(0, min(1, 1-50*float64(n)/rate)) }
func (pool) PerReplica() float64                      { return 50 }
func (pool) Startup() time.Duration                   { return 30 * time.Second }

func objective() scale.Objective {
	return scale.Objective{Threshold: scale.Duration(time.Second), Target: 0.99, Window: scale.Duration(time.Hour)}
}

// plays a record of 10 replicas for 480 requests per second against an advice.
func plays(steps, advised int) *record {
	r := newRecord(objective(), 15*time.Second)
	for n := range steps {
		obs := scaletest.Observation(time.Duration(n)*15*time.Second, 10)
		r.decide(&obs, pool{}, turn{base: 10, advised: advised, valid: true, rate: 480, unit: scale.RequestRate})
	}
	return r
}

func TestTheOddsMoveByWhatWasPaidAndMissed(t *testing.T) {
	// A replica more for ten minutes: a tenth of what the base costs.
	if got, want := plays(41, 11).Odds-firstOdds, -0.2; math.Abs(got-want) > 1e-9 {
		t.Errorf("one too many: got %v, want %v", got, want)
	}
	// One fewer: 15 replica-seconds saved, and a tenth of the requests late, each of
	// which costs 1/(1 % of 480).
	if got, want := plays(2, 9).Odds-firstOdds, (15-15*48/4.8)/3000; math.Abs(got-want) > 1e-9 {
		t.Errorf("one too few: got %v, want %v", got, want)
	}
	// Started in 30 s: four of the intervals are paid for, and two of them not served.
	r := newRecord(objective(), 15*time.Second)
	for n := range 5 {
		obs := scaletest.Observation(time.Duration(n)*15*time.Second, 10)
		r.decide(&obs, pool{}, turn{base: 10, advised: 12, valid: true, rate: 580, unit: scale.RequestRate})
	}
	late := 2 * 15 * (580.0 * 2 / 12) / (0.01 * 580) // two twelfths, saved in two intervals
	if got, want := r.Odds-firstOdds, (late-4*2*15)/3000; math.Abs(got-want) > 1e-9 {
		t.Errorf("two that were needed: got %v, want %v", got, want)
	}
}

func TestOddsStayWithinTheirBounds(t *testing.T) {
	if r := plays(2000, 60); math.Abs(r.worth()-1.0/999) > 1e-9 || r.weight() != 0 {
		t.Errorf("got %v, of which %v is followed, want 1 to 999 and none", r.worth(), r.weight())
	}
	if got := plays(1, 60).weight(); math.Abs(got-0.5) > 1e-9 {
		t.Errorf("at first: got %v, want 0.5", got)
	}
	r := newRecord(objective(), 15*time.Second)
	for n := range 3 {
		obs := scaletest.Observation(time.Duration(n)*15*time.Second, 1)
		r.decide(&obs, pool{}, turn{base: 1, advised: 40, valid: true, rate: 1900, unit: scale.RequestRate})
	}
	if r.Odds >= firstOdds { // nothing of it has started
		t.Errorf("got %v, want below what it was at first", r.Odds)
	}
	obs := scaletest.Observation(45*time.Second, 1)
	before := r.Odds
	r.decide(&obs, pool{}, turn{base: 1, advised: 40, valid: true, rate: 1900, unit: scale.RequestRate})
	if got := r.Odds - before; got != mostGain {
		t.Errorf("one interval adds %v, want %v", got, mostGain)
	}
}

// A gap and what nobody measured are not charged, and a step is charged once.
func TestWhatIsNotCharged(t *testing.T) {
	r := newRecord(objective(), 15*time.Second)
	see := func(at time.Duration, measured bool) float64 {
		obs, unit := scaletest.Observation(at, 10), ""
		if measured {
			unit = scale.RequestRate
		}
		before := r.Odds
		r.decide(&obs, pool{}, turn{base: 10, advised: 20, valid: true, rate: 500, unit: unit})
		return r.Odds - before
	}
	see(0, true)
	for _, tc := range []struct {
		what     string
		at       time.Duration
		measured bool
		charged  bool
	}{
		{"a step", 15 * time.Second, true, true},
		{"the same again", 15 * time.Second, true, false},
		{"without a rate", 30 * time.Second, false, false},
		{"the next", 45 * time.Second, true, true},
		{"a gap", 10 * time.Minute, true, false},
		{"a clock that was set back", 9*time.Minute + 50*time.Second, true, false},
		{"goes on", 10 * time.Minute, true, true},
	} {
		if got := see(tc.at, tc.measured); (got != 0) != tc.charged {
			t.Errorf("%s: charged %v", tc.what, got)
		}
	}
	r.pause()
	if got := see(10*time.Minute+15*time.Second, true); got != 0 {
		t.Errorf("after a decision without an opinion: charged %v", got)
	}
}

// Loads in another unit have prices of their own, and of the interval in which that
// changed nobody knows what it cost.
func TestAnotherUnitHasPricesOfItsOwn(t *testing.T) {
	r := plays(3, 12)
	see := func(at time.Duration, load float64, unit string) (charged float64) {
		obs, before := scaletest.Observation(at, 10), r.Odds
		r.decide(&obs, pool{}, turn{base: 10, advised: 12, valid: true, rate: load, unit: unit})
		return r.Odds - before
	}
	if got := see(45*time.Second, 7, scale.CPUUtilization); got != 0 {
		t.Errorf("when CPU is measured instead: charged %v, want nothing", got)
	}
	alone := newRecord(objective(), 15*time.Second).tariff
	alone.Observe(scaletest.At(45*time.Second), 7)
	if got, want := r.tariff.Violation(1), alone.Violation(1); got != want {
		t.Errorf("a violation costs %v, want %v as for who has only seen CPU", got, want)
	}
	if got := see(time.Minute, 7, scale.CPUUtilization); got >= 0 {
		t.Errorf("two too many of CPU: charged %v, want a loss", got)
	}
}

func TestARegimeIsAnotherOnlyBeyondChance(t *testing.T) {
	rng, alarms := rand.New(rand.NewPCG(3, 4)), 0
	var r regime
	const steps = 20000
	for n := range steps {
		at := scaletest.At(time.Duration(n) * 15 * time.Second)
		r.see(at, 100+10*rng.NormFloat64(), 10*time.Second, 0)
		if r.Changed.Equal(at) {
			alarms++
		}
	}
	if alarms > 20 { // one in a thousand
		t.Errorf("%d alarms in %d steps without a change", alarms, steps)
	}
	for n := range 6 {
		r.see(scaletest.At(time.Duration(steps+n)*15*time.Second), 150, 10*time.Second, 0)
	}
	if r.Changed.Before(scaletest.At(steps * 15 * time.Second)) {
		t.Error("half as much again is not noticed within six steps")
	}
}
