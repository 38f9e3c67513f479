package latency_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/latency"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

func at(seconds float64) time.Time {
	return time.Unix(1000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func values(r latency.Reading) map[string]float64 {
	out := map[string]float64{}
	for _, s := range append(r.Samples(""), r.Violations()...) {
		out[s.Signal] = s.Value
	}
	return out
}

func TestTheWindowAveragesOverItself(t *testing.T) {
	w := latency.NewWindow(10*time.Second, at(0))
	for s := range 30 {
		h := &series.Histogram{}
		h.AddN(0.1, 20)
		w.Add(at(float64(s)+0.5), latency.Counts{Arrived: 20, Ended: 20, Failed: 2, NotGood: 5, Busy: 4 * time.Second, Latency: h})
	}
	got := values(w.Read(at(30)))
	for signal, want := range map[string]float64{
		scale.RequestRate: 20, scale.ErrorRate: 2, scale.Concurrency: 4, scale.ViolationRatio: 0.25, scale.Latency: 0.1,
	} {
		if math.Abs(got[signal]/want-1) > 0.04 {
			t.Errorf("%s: got %v, want %v", signal, got[signal], want)
		}
	}
}

func TestWhatIsOldIsForgotten(t *testing.T) {
	w := latency.NewWindow(10*time.Second, at(0))
	w.Add(at(1), latency.Counts{Arrived: 100, Ended: 100, NotGood: 100})
	if got := values(w.Read(at(5)))[scale.RequestRate]; got != 20 {
		t.Errorf("after 5 s: %v per second, want 100/5", got)
	}
	for _, later := range []float64{12.1, 5000} {
		if got := values(w.Read(at(later))); got[scale.RequestRate] != 0 || got[scale.ViolationRatio] != 0 {
			t.Errorf("after %v s: %v, want zeros", later, got)
		}
	}
	if _, there := values(w.Read(at(5001)))[scale.Latency]; there {
		t.Error("a latency without a request")
	}
}

// Requests that hang are none that were good.
func TestWhileNothingEndsTheShareIsNotKnown(t *testing.T) {
	w := latency.NewWindow(10*time.Second, at(0))
	w.Add(at(1), latency.Counts{Arrived: 5})
	if got := w.Read(at(2)).Violations(); got != nil {
		t.Errorf("got %+v, want no share of requests that are all under way", got)
	}
	w.Add(at(9), latency.Counts{Ended: 4, NotGood: 3})
	if got := w.Read(at(9.5)).Violations(); len(got) != 1 || got[0].Value != 0.75 {
		t.Errorf("got %+v, want 0.75 of those that ended", got)
	}
}

func TestAClockSetBackLosesNothing(t *testing.T) {
	w := latency.NewWindow(10*time.Second, at(0))
	w.Add(at(4), latency.Counts{Arrived: 1})
	w.Add(at(-100), latency.Counts{Arrived: 1})
	if r := w.Read(at(2)); r.Arrived != 2 || r.Covered != 4*time.Second {
		t.Errorf("got %d over %v, want 2 over 4s", r.Arrived, r.Covered)
	}
}

func TestSpreadCountsEachOnce(t *testing.T) {
	for _, n := range []uint64{0, 1, 3, 16, 1001} {
		h := &series.Histogram{}
		latency.Spread(h, 0.1, 0.2, n)
		if h.Count() != n {
			t.Errorf("%d became %d", n, h.Count())
		}
		if n > 0 && (h.Quantile(0) < 0.09 || h.Quantile(1) > 0.21) {
			t.Errorf("%d lie within %v..%v, want 0.1..0.2", n, h.Quantile(0), h.Quantile(1))
		}
	}
	h := &series.Histogram{}
	latency.Spread(h, 0.1, 0.2, 1600)
	if got := h.Quantile(0.75); math.Abs(got-0.175) > 0.006 {
		t.Errorf("three quarters: %v, want 0.175", got)
	}
}
