package cost_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/cost"
)

// At a steady rate the cheapest count is the one at which another replica saves
// less than what the objective allows.
func TestThePriceTradesAtTheAllowedShare(t *testing.T) {
	for _, allowed := range []float64{0.001, 0.01, 0.05} {
		for rate := 60.0; rate < 3000; rate *= 1.7 {
			tariff := cost.NewTariff(allowed, time.Hour)
			tariff.Observe(time.Unix(0, 0), rate)
			var f cost.Interval
			f.Set(tariff.Terms(15, rate, 50), sharp{})
			best := 0
			for x := range 100 {
				if f.Of(x) < f.Of(best) {
					best = x
				}
			}
			saves := func(x int) float64 { return sharp{}.Avoidable(x-1, rate, 0) - sharp{}.Avoidable(x, rate, 0) }
			worth := min(allowed, 50/rate/4) // with many replicas less
			if saves(best) < worth || saves(best+1) > worth {
				t.Errorf("%v allowed at %.0f/s: %d replicas, of which the last saves %v and another one %v", allowed, rate, best, saves(best), saves(best+1))
			}
		}
	}
}

func TestThePriceIsThatOfTheWindow(t *testing.T) {
	tariff := cost.NewTariff(0.001, time.Hour)
	at := time.Unix(0, 0)
	see := func(d time.Duration, rate float64) float64 {
		at = at.Add(d)
		tariff.Observe(at, rate)
		return tariff.Violation(50)
	}
	close := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 1e-9*want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	close("at first", see(0, 500), 2)
	close("in a peak", see(time.Second, 1000), 1)
	close("in a trough of the same hour", see(time.Nanosecond, 100), 1/(0.001*(500+500*-math.Expm1(-1.0/3600))))
	close("hours later", see(100*time.Hour, 100), 10)
	close("at night", see(100*time.Hour, 1), 20) // as for the 50 of one replica
	close("no rate", see(time.Hour, math.NaN()), 20)
	see(100*time.Hour, 1000)
	close("a clock that was set back", see(-1000*time.Hour, 200), 5)
}
