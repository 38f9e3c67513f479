package builtin

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// epoch is where the times of these tests begin.
func epoch() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }

func at(d time.Duration) time.Time { return epoch().Add(d) }

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(1, math.Abs(b)) }

func TestYoungMeterUsesTheTimeItCovers(t *testing.T) {
	m := newMeter(30*time.Second, epoch())
	for range 10 {
		m.arrive(at(time.Second))
		m.end(at(time.Second), outcome{latency: time.Millisecond})
	}
	r := m.read(at(2 * time.Second))
	if r.covered != 2*time.Second || r.perSecond(r.arrived) != 5 {
		t.Errorf("got %v requests/s over %v, want 5 over 2s", r.perSecond(r.arrived), r.covered)
	}
}

func TestMeterForgetsAfterItsWindow(t *testing.T) {
	m := newMeter(30*time.Second, epoch())
	m.arrive(epoch())
	m.end(epoch(), outcome{latency: time.Second, failed: true, notGood: true})
	if r := m.read(at(30 * time.Second)); r.ended != 1 || r.failed != 1 || r.latency.Count() != 1 {
		t.Errorf("after one window: got %+v, want the request still there", r)
	}
	r := m.read(at(33 * time.Second))
	if r.arrived != 0 || r.ended != 0 || r.failed != 0 || r.notGood != 0 || r.latency.Count() != 0 {
		t.Errorf("after window and slot: got %+v, want nothing", r)
	}
	if r.covered < 30*time.Second || r.covered > 33*time.Second {
		t.Errorf("covered %v, want between one window and one slot more", r.covered)
	}
}

func TestConcurrencyIsAveragedOverTime(t *testing.T) {
	m := newMeter(30*time.Second, epoch())
	m.arrive(epoch())
	m.arrive(at(5 * time.Second))
	m.leave(at(10 * time.Second))
	// 5 s with one, 5 s with two, 10 s with one request: 25 request-seconds in 20 s.
	if got := m.read(at(20 * time.Second)).concurrency(); !near(got, 1.25) {
		t.Errorf("got %v, want 1.25", got)
	}
	// A request that outlives hours without any event is still one.
	if got := m.read(at(9 * time.Hour)).concurrency(); !near(got, 1) {
		t.Errorf("after hours: got %v, want 1", got)
	}
}

func TestTimeGoingBackIsNoTime(t *testing.T) {
	m := newMeter(30*time.Second, epoch())
	m.arrive(at(10 * time.Second))
	m.leave(at(4 * time.Second)) // a late reader of the clock
	if got := m.read(at(10 * time.Second)).concurrency(); got != 0 {
		t.Errorf("got %v, want 0", got)
	}
}

func TestOutcomes(t *testing.T) {
	for _, tc := range []struct {
		rule                            string
		o                               outcome
		ended, failed, notGood, latency uint64
	}{
		{"a good request", outcome{latency: 1}, 1, 0, 0, 1},
		{"a slow one is not good", outcome{latency: 1, notGood: true}, 1, 0, 1, 1},
		{"a failed one counts as both", outcome{latency: 1, failed: true, notGood: true}, 1, 1, 1, 1},
		{"a refusal at once has no latency", outcome{failed: true, notGood: true, refused: true}, 1, 1, 1, 0},
		{"a client that gives up says nothing", outcome{latency: 1, gaveUp: true}, 0, 0, 0, 0},
		{"unless it waited over the threshold", outcome{latency: 1, gaveUp: true, notGood: true}, 1, 0, 1, 1},
	} {
		m := newMeter(time.Minute, epoch())
		m.arrive(epoch())
		m.end(epoch(), tc.o)
		r := m.read(at(time.Second))
		got := [...]uint64{r.ended, r.failed, r.notGood, r.latency.Count()}
		if want := [...]uint64{tc.ended, tc.failed, tc.notGood, tc.latency}; got != want {
			t.Errorf("%s: got %v, want %v (ended, failed, not good, latencies)", tc.rule, got, want)
		}
	}
}

// event is one request as the naive meter of the property keeps it.
type event struct{ from, to time.Duration }

// A meter must agree with one that keeps every request for ever.
func TestMeterAgreesWithANaiveOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const window = 10 * time.Second
		m := newMeter(window, epoch())
		var open, done []event
		now := time.Duration(0)
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			// Mostly short steps, some silences longer than several windows.
			step := rapid.OneOf(rapid.Int64Range(0, 2e9), rapid.Int64Range(0, 90e9)).Draw(t, "step")
			now += time.Duration(step)
			if len(open) > 0 && rapid.Bool().Draw(t, "ends") {
				e := open[0]
				open = open[1:]
				e.to = now
				done = append(done, e)
				m.end(at(now), outcome{latency: e.to - e.from})
			} else {
				open = append(open, event{from: now})
				m.arrive(at(now))
			}
		}
		now += time.Duration(rapid.Int64Range(1, 30e9).Draw(t, "rest"))
		for _, e := range open {
			e.to = now + 1
			done = append(done, e)
		}
		if fault := compareNaive(m.read(at(now)), done, now); fault != "" {
			t.Fatal(fault)
		}
	})
}

func compareNaive(r reading, all []event, now time.Duration) string {
	from := now - r.covered
	var arrived, ended uint64
	var busy time.Duration
	for _, e := range all {
		if e.from >= from {
			arrived++
		}
		if e.to >= from && e.to <= now {
			ended++
		}
		busy += max(0, min(e.to, now)-max(e.from, from))
	}
	if r.arrived != arrived || r.ended != ended || r.latency.Count() != ended || r.busy != busy {
		return fmt.Sprintf("got %d arrived, %d ended, %d latencies, %v busy over %v; want %d, %d, %d, %v",
			r.arrived, r.ended, r.latency.Count(), r.busy, r.covered, arrived, ended, ended, busy)
	}
	return ""
}

func BenchmarkMeter(b *testing.B) {
	m := newMeter(30*time.Second, epoch())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now := at(time.Duration(i) * 50 * time.Microsecond)
		m.arrive(now)
		m.end(now, outcome{latency: time.Millisecond})
	}
}
