package series_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/flyball-io/flyball/series"
)

// lognormal returns n service times around 80 ms and the histogram of them.
func lognormal(seed uint64, n int) ([]float64, *series.Histogram) {
	rng := rand.New(rand.NewPCG(seed, 1))
	values, h := make([]float64, n), &series.Histogram{}
	for i := range values {
		values[i] = 0.08 * math.Exp(0.5*rng.NormFloat64())
		h.Add(values[i])
	}
	slices.Sort(values)
	return values, h
}

func TestHistogramQuantilesWithinABucket(t *testing.T) {
	values, h := lognormal(1, 20_000)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.95, 0.99, 0.999} {
		want := values[int(q*float64(len(values)))]
		if got := h.Quantile(q); math.Abs(got/want-1) > 1.0/32 {
			t.Errorf("quantile %v: got %v, want %v within a bucket (3.1 %%)", q, got, want)
		}
	}
}

func TestHistogramShareAbove(t *testing.T) {
	values, h := lognormal(2, 20_000)
	for _, threshold := range []float64{0.02, 0.08, 0.2, 10} {
		above := 0
		for _, v := range values {
			if v > threshold {
				above++
			}
		}
		want := float64(above) / float64(len(values))
		if got := h.ShareAbove(threshold); math.Abs(got-want) > 0.005 {
			t.Errorf("share above %v s: got %v, want %v", threshold, got, want)
		}
	}
}

func TestHistogramVariance(t *testing.T) {
	values, h := lognormal(3, 20_000)
	want := 0.0
	for _, v := range values {
		want += (v - h.Mean()) * (v - h.Mean()) / float64(len(values))
	}
	if got := h.Variance(); math.Abs(got/want-1) > 0.01 {
		t.Errorf("got %v s², want %v", got, want)
	}
	if got := (&series.Histogram{}).Variance(); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestHistogramMergeEqualsAddingAll(t *testing.T) {
	_, a := lognormal(3, 500)
	_, b := lognormal(4, 700)
	_, both := lognormal(3, 500)
	for _, v := range first(lognormal(4, 700)) {
		both.Add(v)
	}
	a.Merge(b)
	if a.Count() != both.Count() || a.Quantile(0.9) != both.Quantile(0.9) || math.Abs(a.Mean()-both.Mean()) > 1e-12 {
		t.Errorf("merged: %d, %v, %v; want %d, %v, %v", a.Count(), a.Quantile(0.9), a.Mean(), both.Count(), both.Quantile(0.9), both.Mean())
	}
}

func first[A, B any](a A, _ B) A { return a }

func TestHistogramBelow(t *testing.T) {
	var all, some series.Histogram
	all.AddN(0.1, 60)
	all.AddN(0.3, 20)
	all.AddN(40, 20)
	for limit, want := range map[float64]float64{0.05: 0, 0.2: 0.6, 1: 0.8, 1000: 1} {
		if share := some.Below(limit, &all); share != want || some.Count() != uint64(100*want) {
			t.Errorf("below %v: share %v of %d, want %v", limit, share, some.Count(), want)
		}
	}
	some.Below(1, &all)
	if mean := some.Mean(); math.Abs(mean-0.15) > 0.003 {
		t.Errorf("mean below 1 s: %v, want 0.15", mean)
	}
	if share := some.Below(1, &series.Histogram{}); share != 0 || some.Count() != 0 {
		t.Errorf("of nothing: share %v of %d", share, some.Count())
	}
}

func TestHistogramEdges(t *testing.T) {
	var h series.Histogram
	if h.Quantile(0.5) != 0 || h.Mean() != 0 || h.ShareAbove(1) != 0 {
		t.Error("an empty histogram must answer 0")
	}
	for _, v := range []float64{math.NaN(), -1, 0, math.Inf(1), 1e12} {
		h.Add(v)
	}
	if h.Count() != 5 || !series.Finite(h.Quantile(1)) || !series.Finite(h.Mean()) {
		t.Errorf("after odd values: count %d, max %v, mean %v; want 5 and finite numbers", h.Count(), h.Quantile(1), h.Mean())
	}
}

func TestHistogramJSONRoundTrip(t *testing.T) {
	_, h := lognormal(5, 1000)
	data, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var back series.Histogram
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if back != *h {
		t.Error("the histogram read back differs from the one written")
	}
	if err := json.Unmarshal([]byte(`{"buckets":[[100000,1]]}`), &back); err == nil {
		t.Error("a bucket out of range was accepted")
	}
}

func BenchmarkHistogramAdd(b *testing.B) {
	var h series.Histogram
	b.ReportAllocs()
	for b.Loop() {
		h.Add(0.08)
	}
}
