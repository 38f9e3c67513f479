package workload_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/workload"
)

func TestWeeksRepeat(t *testing.T) {
	const day = time.Hour
	w := workload.Weekly{Base: 10, Weekday: 50, Weekend: 20, Day: day}
	// Mean of a day: base + half its swing.
	if got, want := w.Expected(7*day), 3600*(5*30.+2*15); math.Abs(got/want-1) > 1e-9 {
		t.Errorf("requests of a week: got %v, want %v", got, want)
	}
	for at := time.Duration(0); at < 7*day; at += 17 * time.Minute {
		next := at + 3*7*day
		if got, want := w.Rate(next), w.Rate(at); math.Abs(got-want) > 1e-9 {
			t.Errorf("rate three weeks after %v: got %v, want %v", at, got, want)
		}
		if got, want := w.Expected(next)-w.Expected(3*7*day), w.Expected(at); math.Abs(got-want) > 1e-3 {
			t.Errorf("requests three weeks after %v: got %v, want %v", at, got, want)
		}
	}
}

// Of an MMPP with two states the index of dispersion, the variance of the
// requests in a time t over their mean, is known (Fischer and Meier-Hellstern
// 1993). With s the rates of leaving the states, r those of
// requests, and S = s₁+s₂:
//
//	I(t) = 1 + 2·s₁·s₂·(r₁-r₂)² / (S²·(r₁·s₂+r₂·s₁)) · (1 - (1-e^(-S·t))/(S·t))
//
// It is 1 for a Poisson process.
func TestMMPPHasTheMeanAndTheBurstsOfTheFormula(t *testing.T) {
	const r1, r2, s1, s2 = 40., 4., 1. / 3, 1. / 9
	index := func(seconds float64) float64 {
		s := s1 + s2
		return 1 + 2*s1*s2*(r1-r2)*(r1-r2)/(s*s*(r1*s2+r2*s1))*(1+math.Expm1(-s*seconds)/(s*seconds))
	}
	// Many short runs: each begins in the state of any instant, and no window
	// depends on another.
	for _, window := range []time.Duration{500 * time.Millisecond, 5 * time.Second, time.Minute} {
		const runs = 5_000
		counts := make([]float64, runs)
		for i := range counts {
			m := workload.MMPP{States: []workload.State{{RPS: r1, Stay: 3 * time.Second}, {RPS: r2, Stay: 9 * time.Second}}, Seed: uint64(i), For: window}
			counts[i] = float64(len(collect(m.Shape(), workload.Poisson, uint64(i), window)))
			if i == 0 && m.Mean() != 13 {
				t.Fatalf("mean rate: got %v, want (40·3 + 4·9) / 12 = 13", m.Mean())
			}
		}
		mean, variance := moments(counts)
		if want := 13 * window.Seconds(); math.Abs(mean/want-1) > 5*math.Sqrt(variance/runs)/want {
			t.Errorf("requests in %v: got %v, want %v", window, mean, want)
		}
		// The variance of a skewed count is known to a few per cent after 5,000 runs.
		if got, want := variance/mean, index(window.Seconds()); math.Abs(got/want-1) > 0.05 {
			t.Errorf("index of dispersion over %v: got %v, want %v", window, got, want)
		}
	}
}

func TestMMPPStaysInEachStateForItsShare(t *testing.T) {
	m := workload.MMPP{
		States: []workload.State{{1, time.Minute}, {10, 30 * time.Second}, {100, 10 * time.Second}},
		Seed:   3, For: 50 * time.Hour,
	}
	shape := m.Shape()
	times, jumps := map[float64]float64{}, map[[2]float64]float64{}
	last := shape.Rate(0)
	for at := time.Duration(0); at < m.For; at += time.Second {
		rate := shape.Rate(at)
		times[rate]++
		if rate != last {
			jumps[[2]float64{last, rate}]++
		}
		last = rate
	}
	for rate, want := range map[float64]float64{1: 0.6, 10: 0.3, 100: 0.1} {
		if got := times[rate] / m.For.Seconds(); math.Abs(got/want-1) > 0.1 {
			t.Errorf("share of the time at %v requests/s: got %v, want %v", rate, got, want)
		}
	}
	for _, from := range []float64{1, 10, 100} {
		all, most := 0.0, 0.0
		for jump, n := range jumps {
			if jump[0] == from {
				all, most = all+n, max(most, n)
			}
		}
		if most/all > 0.6 {
			t.Errorf("from %v requests/s: %v of %v jumps go to the same state, want half", from, most, all)
		}
	}
	again, other := m.Shape(), m
	other.Seed = 4
	if again.Expected(time.Hour) != shape.Expected(time.Hour) || other.Shape().Expected(time.Hour) == shape.Expected(time.Hour) {
		t.Error("want the same stays for the same seed, and others for another")
	}
	if one := (workload.MMPP{States: []workload.State{{7, time.Second}}}).Shape(); one.Rate(time.Hour) != 7 {
		t.Errorf("a single state: got %v requests/s, want 7 all the time", one.Rate(time.Hour))
	}
}
