package control

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/target"
	"github.com/google/go-cmp/cmp"
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

// A report that was begun before a change says nothing of the count after it.
func TestAReportFromBeforeAChangeIsNotBelieved(t *testing.T) {
	a := seen()
	a.respecify(4, scaletest.At(10*time.Second))
	a.take(Report{Target: "web", At: scaletest.At(9 * time.Second), Status: &target.Status{SpecReplicas: 1}})
	if got := a.observe(scaletest.At(11 * time.Second)).CurrentReplicas; got != 4 {
		t.Errorf("got %d replicas, want the 4 that were asked for since", got)
	}
	a.take(Report{Target: "web", At: scaletest.At(12 * time.Second), Status: &target.Status{SpecReplicas: 3}})
	if got := a.observe(scaletest.At(12 * time.Second)).CurrentReplicas; got != 3 {
		t.Errorf("got %d replicas, want the 3 of the newer report", got)
	}
}

// A signal that nobody measures any more, or somebody else does, is forgotten.
func TestSignalsAreForgotten(t *testing.T) {
	a := seen()
	take := func(names ...string) {
		for _, name := range names {
			a.take(Report{Target: "web", At: scaletest.At(0), Samples: []scale.Sample{{Signal: name, At: scaletest.At(0), Value: 1}}})
		}
	}
	names := func() (all []string) {
		for _, s := range a.signals {
			all = append(all, s.name)
		}
		return all
	}
	a.adopt(&Plan{MaxAge: 15 * time.Second, Signals: map[string]string{"a": "one", "b": "one"}})
	take("a", "b", "c")
	if diff := cmp.Diff([]string{"a", "b"}, names()); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
	a.adopt(&Plan{MaxAge: 15 * time.Second, Signals: map[string]string{"a": "two", "b": "one"}})
	if diff := cmp.Diff([]string{"b"}, names()); diff != "" {
		t.Errorf("after the plan changed (-want +got):\n%s", diff)
	}
}

// A signal that comes once a minute is believed until two have been missed; one
// whose greatest age is stated, until then.
func TestASignalThatComesSeldomAgesSlowly(t *testing.T) {
	a := newAssembler("web", 15*time.Second)
	a.adopt(&Plan{MaxAge: 15 * time.Second, MaxAges: map[string]time.Duration{"stated": 70 * time.Second}})
	for i := range 5 {
		at := scaletest.At(time.Duration(i) * time.Minute)
		a.take(Report{Target: "web", At: at, Status: &target.Status{}, Samples: []scale.Sample{
			{Signal: "seldom", At: at, Value: 1}, {Signal: "stated", At: at, Value: 1}}})
	}
	last := 4 * time.Minute
	for age, want := range map[time.Duration][2]scale.Trust{ // seldom, stated
		59 * time.Second:  {scale.Fresh, scale.Fresh},
		71 * time.Second:  {scale.Fresh, scale.Stale},
		150 * time.Second: {scale.Fresh, scale.Stale},
		151 * time.Second: {scale.Stale, scale.Stale},
		211 * time.Second: {scale.Stale, scale.Absent},
		8 * time.Minute:   {scale.Absent, scale.Absent},
	} {
		obs := a.observe(scaletest.At(last + age))
		if got := [2]scale.Trust{obs.Signal("seldom").Trust, obs.Signal("stated").Trust}; got != want {
			t.Errorf("after %v: %v, want %v", age, got, want)
		}
	}
}

// How far apart the values of a signal come is known from who measures it until
// it has been seen: one that may come once a minute is believed from its first.
func TestASpacingThatIsKnownHoldsUntilItIsSeen(t *testing.T) {
	a := newAssembler("web", 5*time.Second)
	a.adopt(&Plan{MaxAge: 5 * time.Second, Spacings: map[string]time.Duration{"usage": time.Minute}})
	see := func(at time.Duration) {
		a.take(Report{Target: "web", At: scaletest.At(at), Status: &target.Status{}, Samples: []scale.Sample{
			{Signal: "usage", At: scaletest.At(at), Value: 1}, {Signal: "other", At: scaletest.At(at), Value: 1}}})
	}
	trust := func(at time.Duration) [2]scale.Trust {
		obs := a.observe(scaletest.At(at))
		return [2]scale.Trust{obs.Signal("usage").Trust, obs.Signal("other").Trust}
	}
	see(0)
	if got := trust(100 * time.Second); got != [2]scale.Trust{scale.Fresh, scale.Absent} {
		t.Errorf("before it is seen: %v", got)
	}
	for i := range 4 {
		see(time.Duration(100+15*i) * time.Second)
	}
	if got := trust(145*time.Second + 37*time.Second); got[0] != scale.Fresh {
		t.Errorf("37 s after values of every 15 s: %v", got)
	}
	if got := trust(145*time.Second + 60*time.Second); got[0] != scale.Stale {
		t.Errorf("a minute after values of every 15 s: %v", got)
	}
}

// One decision without a loop believes what the loop would: a metrics-server that
// measures every 15 s under a document that decides every 5 s.
func TestOneLookBelievesWhatTheLoopDoes(t *testing.T) {
	now := scaletest.At(time.Minute)
	report := Report{Target: "web", At: now, Status: &target.Status{}, Samples: []scale.Sample{
		{Signal: "usage", At: now.Add(-28 * time.Second), Value: 0.5}, {Signal: "stated", At: now.Add(-28 * time.Second), Value: 7}, {Signal: "rate", At: now.Add(-28 * time.Second), Value: 9}}}
	p := &Plan{MaxAge: 15 * time.Second, Spacings: map[string]time.Duration{"usage": time.Minute}, MaxAges: map[string]time.Duration{"stated": 70 * time.Second}}
	obs, err := p.Observe(report)
	if err != nil {
		t.Fatal(err)
	}
	for signal, want := range map[string]scale.Trust{"usage": scale.Fresh, "stated": scale.Fresh, "rate": scale.Stale} {
		if got := obs.Signal(signal).Trust; got != want {
			t.Errorf("%s: %v, want %v", signal, got, want)
		}
	}
}
