package control

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/target"
)

// seen is an assembler that was given one status at 0 s and these samples.
func seen(samples ...scale.Sample) *assembler {
	a := newAssembler("web", 15*time.Second)
	a.take(Report{Target: "web", At: scaletest.At(0), Status: &target.Status{SpecReplicas: 2}, Samples: samples})
	return a
}

func TestTrustInASample(t *testing.T) {
	sample := func(at, window time.Duration, value float64) scale.Sample {
		return scale.Sample{Signal: "x", At: scaletest.At(at), Window: window, Value: value}
	}
	for _, tc := range []struct {
		rule    string
		samples []scale.Sample
		after   time.Duration
		want    scale.Trust
	}{
		{"recent", []scale.Sample{sample(0, time.Second, 1)}, time.Second, scale.Fresh},
		{"older than the greatest age", []scale.Sample{sample(0, 0, 1)}, 16 * time.Second, scale.Stale},
		{"three times as old", []scale.Sample{sample(0, 0, 1)}, 46 * time.Second, scale.Absent},
		{"never possible", []scale.Sample{sample(0, 0, math.NaN())}, time.Second, scale.Implausible},
		{"negative after a good one", []scale.Sample{sample(0, 0, 1), sample(time.Second, 0, -1)}, time.Second, scale.Implausible},
		{"from the future", []scale.Sample{sample(time.Hour, 0, 1)}, time.Second, scale.Implausible},
		{"good again after the clock was set back", []scale.Sample{sample(time.Hour, 0, 1), sample(0, 0, 2)}, time.Second, scale.Fresh},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			obs := seen(tc.samples...).observe(scaletest.At(tc.after))
			if got := obs.Signal("x").Trust; got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	if obs := seen(sample(0, 50*time.Millisecond, 1)).observe(scaletest.At(0)); obs.Signal("x") != nil {
		t.Errorf("a mean over 50 ms was believed: %+v", obs.Signals)
	}
}

// A source that brings the last minute with every look adds to the history; it
// does not set the clock back.
func TestThePastIsNoClockThatWasSetBack(t *testing.T) {
	a := seen()
	for look := range 10 {
		now := time.Duration(look) * 15 * time.Second
		var samples []scale.Sample
		for back := 60 * time.Second; back >= 0; back -= 15 * time.Second {
			samples = append(samples, scale.Sample{Signal: "x", At: scaletest.At(now - back), Value: 1})
		}
		a.take(Report{Target: "web", At: scaletest.At(now), Samples: samples})
	}
	obs := a.observe(scaletest.At(135 * time.Second))
	if got := len(obs.Signal("x").Points); got != 14 {
		t.Errorf("got %d points, want the 4 before the first look and one of each", got)
	}
}

func TestCountsThatAreTooOldAreNone(t *testing.T) {
	if a := seen(); !a.ready(scaletest.At(45*time.Second)) || a.ready(scaletest.At(46*time.Second)) {
		t.Error("want counts that hold for three times the greatest age and no longer")
	}
}

// late is a clock that reads a given time.
type late struct {
	clock.Clock
	now time.Time
}

func (l *late) Now() time.Time { return l.now }

// A timer that fires a little early or late moves no decision; a pause does.
func TestDecisionsAreExactlyOneSyncApart(t *testing.T) {
	c := &late{}
	p := &Planner{Clock: c, plan: Plan{Sync: 15 * time.Second}, at: scaletest.At(0)}
	for off, want := range map[time.Duration]time.Duration{
		0: 15 * time.Second, 80 * time.Microsecond: 15 * time.Second, -80 * time.Microsecond: 15 * time.Second, 10 * time.Second: 25 * time.Second,
	} {
		c.now = scaletest.At(15*time.Second + off)
		if got := p.instant().Sub(scaletest.At(0)); got != want {
			t.Errorf("timer off by %v: decided at %v, want %v", off, got, want)
		}
	}
}
