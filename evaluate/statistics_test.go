package evaluate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func near(got, want, by float64) bool { return math.Abs(got-want) <= by }

// Published: Wilcoxon (1945) as in R's wilcox.test on the depression scale of
// Hollander and Wolfe (1973, p. 29): V = 40, one-sided p 0.01953, two-sided
// 0.03906.
func TestSignedRankOfAPublishedExample(t *testing.T) {
	x := []float64{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30}
	y := []float64{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29}
	d := make([]float64, len(x))
	for i := range x {
		d[i] = x[i] - y[i]
	}
	if got := SignedRank(d); !near(got, 0.0390625, 1e-12) {
		t.Errorf("got %v, want 0.0390625", got)
	}
}

func TestSignedRank(t *testing.T) {
	for name, tc := range map[string]struct {
		d    []float64
		want float64
	}{
		"all on one side of five: 2 of 32":            {[]float64{1, 2, 3, 4, 5}, 2.0 / 32},
		"sign turned":                                 {[]float64{-1, -2, -3, -4, -5}, 2.0 / 32},
		"the smallest differs: sums 0 and 1, 4 of 32": {[]float64{-1, 2, 3, 4, 5}, 4.0 / 32},
		"zeros count for nothing":                     {[]float64{0, 1, 2, 3, 4, 5, 0}, 2.0 / 32},
		"balanced":                                    {[]float64{1, -1}, 1},
		"nothing":                                     {nil, 1},
		"ties share ranks: 1.5 1.5 3, smaller 0, 2 of 8":  {[]float64{1, 1, 2}, 2.0 / 8},
		"one of the ties: sums 0, 1.5, 1.5 of 8, doubled": {[]float64{-1, 1, 2}, 6.0 / 8},
	} {
		if got := SignedRank(tc.d); !near(got, tc.want, 1e-12) {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
	// Where both hold, the normal law is near the exact count.
	d := make([]float64, 0, 51)
	for i := range 50 {
		v := float64(i + 1)
		if i%3 == 0 {
			v = -v
		}
		d = append(d, v)
	}
	exact, normal := SignedRank(d), SignedRank(append(d, 1e-9))
	if !near(exact, normal, 0.01) {
		t.Errorf("50 exactly and 51 by the normal law: got %v and %v, want the same within 0.01", exact, normal)
	}
}

func TestInterquartileMean(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{1, 2, 3, 100}, 2.5},
		// Of nine the middle is 2.25 … 6.75: 0.75·3 + 4 + 5 + 6 + 0.75·7 over 4.5.
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, 5},
		{[]float64{1, 3, 5, 7, 9, 11, 13, 15, 17}, 9}, // a well-known example of nine
		{[]float64{7}, 7},
	} {
		if got := interquartileMean(tc.values); !near(got, tc.want, 1e-12) {
			t.Errorf("%v: got %v, want %v", tc.values, got, tc.want)
		}
	}
}

func TestHolm(t *testing.T) {
	all := []*Comparison{{P: 0.01}, {P: 0.04}, {P: 0.03}, {P: 0.005}}
	Holm(all)
	// 0.005·4, 0.01·3, 0.03·2, and 0.04·1 that must not be below 0.06.
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		if !near(all[i].PHolm, want, 1e-12) {
			t.Errorf("p %v: got %v, want %v", all[i].P, all[i].PHolm, want)
		}
	}
}

func TestCompare(t *testing.T) {
	var pairs []Pair
	for i := range 9 {
		trace := fmt.Sprint("t", i)
		for seed := range 3 { // seeds of one trace are one observation
			noise := 1 + 0.01*float64(seed)
			pairs = append(pairs, Pair{trace, (0.80 + 0.02*float64(i)) * noise, noise})
		}
	}
	c, ok := Compare(pairs, 1)
	if !ok || c.Traces != 9 {
		t.Fatalf("got %+v, want 9 traces", c)
	}
	if !near(c.Worst, 0.96, 1e-12) || c.WorstTrace != "t8" || !near(c.Median, 0.88, 1e-9) {
		t.Errorf("got worst %v on %s, median %v; want 0.96 on t8 and 0.88", c.Worst, c.WorstTrace, c.Median)
	}
	if !(c.Low < c.Ratio && c.Ratio < c.High) || !near(c.Ratio, 0.8785, 1e-3) {
		t.Errorf("got %v in %v … %v", c.Ratio, c.Low, c.High)
	}
	// The means of nine of 0.80 … 0.96 have a standard error of 0.0172: ±0.034.
	if !near(c.High-c.Low, 0.067, 0.008) {
		t.Errorf("interval %v … %v: want about 0.067 wide", c.Low, c.High)
	}
	if !near(c.P, 2.0/512, 1e-12) {
		t.Errorf("all nine below 1: got p %v, want 2/512", c.P)
	}
	if again, _ := Compare(pairs, 1); again != c {
		t.Errorf("same seed: got %+v, want %+v", again, c)
	}
	if _, ok := Compare([]Pair{{"t", 0, 1}}, 1); ok {
		t.Error("a cost of 0 has no ratio: got a comparison")
	}
}

// In how many of 200 experiments does the interval hold the true mean? 95 % of
// intervals by percentiles of 20 values hold it a little less often.
func TestBootstrapIntervalsHoldTheMean(t *testing.T) {
	held, random := 0, rand.New(rand.NewPCG(7, 7))
	for experiment := range 200 {
		values := make([]float64, 20)
		for i := range values {
			values[i] = random.NormFloat64()
		}
		if low, high := bootstrap(values, uint64(experiment)); low <= 0 && 0 <= high {
			held++
		}
	}
	if held < 170 {
		t.Errorf("%d of 200 intervals hold the mean of 0, want about 190", held)
	}
}
