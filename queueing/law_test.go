package queueing_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/queueing"
)

func anyLaw(t *rapid.T) queueing.Law {
	mean := rapid.Float64Range(0.001, 50).Draw(t, "mean")
	switch rapid.SampledFrom([]string{"deterministic", "exponential", "lognormal", "empirical"}).Draw(t, "law") {
	case "deterministic":
		return queueing.Deterministic(mean)
	case "exponential":
		return queueing.Exponential(mean)
	case "lognormal":
		return queueing.Lognormal(mean, rapid.Float64Range(0.05, 3).Draw(t, "cv"))
	}
	law, err := queueing.Empirical(rapid.SliceOfN(rapid.Float64Range(0.001, 20), 1, 50).Draw(t, "sample"))
	if err != nil {
		t.Fatal(err)
	}
	return law
}

// The excess is the integral of the tail, and the quantile undoes the share.
func TestLawsAgreeWithThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		law := anyLaw(t)
		if got := law.Excess(0); math.Abs(got-law.Mean()) > 1e-9*law.Mean() {
			t.Fatalf("%v: excess over 0 is %v, the mean %v", law, got, law.Mean())
		}
		p := rapid.Float64Range(0.001, 0.999).Draw(t, "p")
		at := law.Quantile(p)
		if got, before := law.CDF(at*(1+1e-9)), law.CDF(at*(1-1e-9)); got < p-1e-6 || before > p+1e-6 {
			t.Fatalf("%v: %v take at most the quantile %v of %v, %v a little less", law, got, at, p, before)
		}
		a := rapid.Float64Range(0, 3).Draw(t, "from") * law.Mean()
		const steps = 20000
		width, sum := law.Mean()/steps, 0.0
		for i := range steps {
			sum += width * (1 - law.CDF(a+(float64(i)+0.5)*width))
		}
		if got := law.Excess(a) - law.Excess(a+law.Mean()); math.Abs(got-sum) > 2e-3*law.Mean() {
			t.Fatalf("%v: the excess falls by %v from %v on, the tail adds up to %v", law, got, a, sum)
		}
	})
}

func TestVariationOfLaws(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, law := range []queueing.Law{queueing.Exponential(0.2), queueing.Lognormal(0.08, 0.5), queueing.Lognormal(3, 1.2), queueing.Lognormal(2, 0)} {
		sample := make([]float64, 200_000)
		for i := range sample {
			sample[i] = law.Quantile(rng.Float64())
		}
		drawn, err := queueing.Empirical(sample)
		if err != nil {
			t.Fatal(err)
		}
		near(t, law.String()+": mean of a sample", drawn.Mean(), law.Mean(), 0.01)
		if got := drawn.CV(); math.Abs(got-law.CV()) > 0.03*law.CV()+1e-9 {
			t.Errorf("%v: a sample varies by %v, want %v", law, got, law.CV())
		}
	}
}

func TestSamplesThatAreNone(t *testing.T) {
	for _, sample := range [][]float64{nil, {0.1, 0}, {-1}, {math.NaN(), 1}, {1, math.Inf(1)}} {
		if law, err := queueing.Empirical(sample); err == nil {
			t.Errorf("%v: got %v, want an error", sample, law)
		}
	}
}

func TestNamesOfTopologies(t *testing.T) {
	for _, name := range []string{"leastconn", "central", "random", "roundrobin", "p2c"} {
		var topology queueing.Topology
		if err := topology.UnmarshalText([]byte(name)); err != nil || topology.String() != name {
			t.Errorf("%s: got %v, %v", name, topology, err)
		}
	}
	var topology queueing.Topology
	err := topology.UnmarshalText([]byte("ring"))
	if err == nil || !strings.Contains(err.Error(), "must be one of leastconn, central, random, roundrobin, p2c") {
		t.Errorf("ring: got %v, want the names that are allowed", err)
	}
}
