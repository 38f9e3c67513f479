package predictive

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale/scaletest"
)

func begun(horizon time.Duration) *load {
	l := newLoad(15 * time.Second)
	l.ahead(horizon)
	return l
}

var start = time.Unix(1_000_000, 0)

// see takes what was measured just now.
func (l *load) see(at time.Time, value float64) { l.take(at, at, value) }

// Decisions come up to 7 s early or late: each is a step of its own.
func TestStepsDoNotMindJitter(t *testing.T) {
	l, ends := begun(45*time.Second), 0
	for i := range 200 {
		jitter := time.Duration(7*math.Sin(float64(3*i))) * time.Second
		before := l.last
		l.see(start.Add(time.Duration(i)*15*time.Second+jitter), float64(i))
		if l.last.After(before) && l.value == float64(i) {
			ends++
		}
	}
	if ends != 200 {
		t.Errorf("%d steps for 200 decisions", ends)
	}
}

// Measurements come twice a step and are seen at once or half a step later, as
// chance has it: each decision is a step. A measurement that is seen twice is one.
func TestStepsDoNotMindHowOldMeasurementsAre(t *testing.T) {
	l := begun(45 * time.Second)
	for i := range 200 {
		now := start.Add(time.Duration(i) * 15 * time.Second)
		l.take(now, now.Add(-time.Duration(i*i%2)*7500*time.Millisecond), 100)
	}
	if n := len(l.recent.Said) + len(l.recent.Ratios); n < 198 {
		t.Errorf("%d steps of 200 decisions", n)
	}
	last, newest := l.last, l.measured
	l.take(last.Add(15*time.Second), newest, 700)
	if !l.last.Equal(last) || l.value != 100 {
		t.Errorf("the same measurement again is a step: %v at %v", l.value, l.last)
	}
}

// Decisions every 5 s: every third ends a step of 15 s, and what arrived since
// counts already.
func TestTheNewestWithinAStep(t *testing.T) {
	l := begun(45 * time.Second)
	for i := range 600 {
		l.newest = 100
		l.see(start.Add(time.Duration(i)*5*time.Second), 100)
		l.look()
	}
	quiet := l.peak[l.middle]
	l.newest = 160
	l.see(l.last.Add(5*time.Second), 160)
	l.look()
	if l.value != 100 || math.Abs(l.peak[l.middle]-quiet-60) > 1e-9 {
		t.Errorf("160 at a third of a step: the step before was %v, the peak %v after %v; want 100, and 60 more", l.value, l.peak[l.middle], quiet)
	}
	l.newest = 40
	l.look()
	if l.peak[l.middle] != quiet {
		t.Errorf("fallen within the step, the peak is %v, want %v: it may come back as fast", l.peak[l.middle], quiet)
	}
}

// Nobody knows what was in a gap: neither is coming back at another load a rise,
// nor is a step that was missed.
func TestGapsAreNoRises(t *testing.T) {
	l, at := begun(45*time.Second), start
	for i := range 400 {
		l.see(at, 100+float64(i%2))
		at = at.Add(15 * time.Second)
		if i%10 == 9 {
			at = at.Add(15 * time.Second) // a measurement was lost
		}
	}
	at = at.Add(8 * time.Hour)
	for i := range 100 {
		l.see(at, 1000+float64(i%2))
		at = at.Add(15 * time.Second)
	}
	l.newest = l.value
	l.look()
	if top := l.peak[len(l.levels)-1]; top > 1100 {
		t.Errorf("up to %v expected of a load that moved by 1 %% whenever it was seen", top)
	}
	if n := len(l.recent.Ratios); n < 400 || n > 500 {
		t.Errorf("%d rises known of 500 steps with 41 gaps", n)
	}
}

// Set back by a day, the clock makes everything begin anew: steps go on.
func TestALoadWhenTheClockIsSetBack(t *testing.T) {
	l := begun(45 * time.Second)
	for i := range 100 {
		l.see(start.Add(time.Duration(i)*15*time.Second), 100)
	}
	back := start.Add(-24 * time.Hour)
	for i := range 3 {
		l.see(back.Add(time.Duration(i)*15*time.Second), 50)
	}
	if !l.last.Equal(back.Add(30*time.Second)) || l.value != 50 || len(l.recent.Ratios) > 0 {
		t.Errorf("the newest step is %v at %v, %d ratios; want 50, of the new time alone", l.value, l.last, len(l.recent.Ratios))
	}
}

// Starts that take longer are looked ahead for, by a forecaster that keeps what
// it knows.
func TestAHorizonThatGrows(t *testing.T) {
	l := begun(30 * time.Second)
	ramp := func(from, to int) {
		for i := from; i < to; i++ {
			l.see(start.Add(time.Duration(i)*15*time.Second), 1000+10*float64(i))
		}
		l.newest = l.value
		l.look()
	}
	ramp(0, 300)
	near, f := l.peak[l.middle]-l.value, l.forecaster
	l.ahead(120 * time.Second)
	ramp(300, 600)
	if far := l.peak[l.middle] - l.value; l.horizon != 8 || far < 2.5*near || l.forecaster != f {
		t.Errorf("%d steps ahead the load is expected %.0f higher, 2 ahead %.0f", l.horizon, far, near)
	}
}

// Weights are shares of what may happen, each of what lies nearest.
func TestWeights(t *testing.T) {
	got := weigh([]float64{0.25, 0.5, 0.9})
	for i, want := range []float64{0.375, 0.325, 0.2, 0.1} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("weight %d is %v, want %v", i, got[i], want)
		}
	}
}

// A measurement of 40 s ago is two steps of 15 s further from when replicas
// serve; one of some seconds ago is not.
func TestOldMeasurementsAreForecastFurther(t *testing.T) {
	for age, want := range map[time.Duration]int{0: 3, 14 * time.Second: 3, 40 * time.Second: 5, -time.Hour: 3} {
		p := knowing(t, 100)
		obs := scaletest.Observation(time.Hour, 3)
		p.see(&obs, measured{at: obs.At.Add(-age), value: 100, window: 10 * time.Second})
		if p.load.horizon != want {
			t.Errorf("measured %v ago: %d steps ahead, want %d", age, p.load.horizon, want)
		}
	}
}
