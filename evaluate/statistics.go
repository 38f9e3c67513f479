package evaluate

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Pair is what a candidate and a reference cost on the same trace, with the
// same seed and at equal violations.
type Pair struct {
	Trace                string
	Candidate, Reference float64
}

// Comparison is a candidate's cost over a reference's, over traces. Below 1 the
// candidate is cheaper.
type Comparison struct {
	Traces int `json:"traces"`
	// Ratio is the geometric mean over traces; Low and High bound 95 % of what
	// other traces of this kind would have given.
	Ratio float64 `json:"ratio"`
	Low   float64 `json:"ci95_low"`
	High  float64 `json:"ci95_high"`
	// Middle is the interquartile mean: of the half of the traces in the middle.
	Middle float64 `json:"interquartile_mean"`
	Median float64 `json:"median"`
	// Worst is the dearest trace.
	Worst      float64 `json:"worst"`
	WorstTrace string  `json:"worst_trace"`
	// P is that of the Wilcoxon signed-rank test on the logarithms, two-sided:
	// how likely ratios as uneven would be if neither were cheaper.
	P float64 `json:"wilcoxon_p"`
	// PHolm is P corrected for the other comparisons in the table.
	PHolm float64 `json:"holm_p"`
}

// Resamples is how often the bootstrap draws.
const Resamples = 10_000

// Compare sets a candidate against a reference. Seeds of one trace are not
// independent of each other, so the bootstrap draws whole traces (a cluster
// bootstrap): with replacement, as many as there are. False without any pair.
func Compare(pairs []Pair, seed uint64) (Comparison, bool) {
	traces, logs := perTrace(pairs)
	if len(traces) == 0 {
		return Comparison{}, false
	}
	c := Comparison{Traces: len(traces), Ratio: math.Exp(mean(logs))}
	low, high := bootstrap(logs, seed)
	c.Low, c.High = math.Exp(low), math.Exp(high)
	sorted := slices.Sorted(slices.Values(logs))
	c.Middle = math.Exp(interquartileMean(sorted))
	c.Median = math.Exp(quantile(sorted, 0.5))
	for i, l := range logs {
		if ratio := math.Exp(l); ratio > c.Worst {
			c.Worst, c.WorstTrace = ratio, traces[i]
		}
	}
	c.P = SignedRank(logs)
	c.PHolm = c.P
	return c, true
}

// perTrace is the mean logarithm of the ratio on each trace, in order of their
// names: the sum of floating-point numbers must not depend on the order of
// runs.
func perTrace(pairs []Pair) (traces []string, logs []float64) {
	sums, counts := map[string]float64{}, map[string]float64{}
	for _, p := range pairs {
		if !(p.Candidate > 0) || !(p.Reference > 0) {
			continue
		}
		if counts[p.Trace] == 0 {
			traces = append(traces, p.Trace)
		}
		sums[p.Trace] += math.Log(p.Candidate / p.Reference)
		counts[p.Trace]++
	}
	slices.Sort(traces)
	for _, t := range traces {
		logs = append(logs, sums[t]/counts[t])
	}
	return traces, logs
}

// bootstrap returns the 2.5 and 97.5 % quantiles of the means of resamples
// (Efron 1979, the percentile method).
func bootstrap(values []float64, seed uint64) (low, high float64) {
	random := rand.New(rand.NewPCG(seed, uint64(len(values))))
	means := make([]float64, Resamples)
	for i := range means {
		sum := 0.0
		for range values {
			sum += values[random.IntN(len(values))]
		}
		means[i] = sum / float64(len(values))
	}
	slices.Sort(means)
	return quantile(means, 0.025), quantile(means, 0.975)
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// quantile of sorted values, in straight lines between them (type 7 of Hyndman
// and Fan 1996).
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// interquartileMean of sorted values: the mean of the half in the middle, where
// values at its edges count in part.
func interquartileMean(sorted []float64) float64 {
	n := float64(len(sorted))
	low, high := n/4, 3*n/4
	sum := 0.0
	for i, v := range sorted {
		sum += v * max(0, min(high, float64(i+1))-max(low, float64(i)))
	}
	return sum / (high - low)
}

// SignedRank is the two-sided p of Wilcoxon's signed-rank test (1945) that the
// differences are symmetric around 0. Zeros are left out; equal sizes share
// their rank. Up to 50 differences p is exact, by counting all signs; above, it
// is that of the normal law, corrected for ties and continuity.
func SignedRank(differences []float64) float64 {
	d := slices.DeleteFunc(slices.Clone(differences), func(v float64) bool { return v == 0 })
	if len(d) == 0 {
		return 1
	}
	slices.SortFunc(d, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	ranks := doubledRanks(d)
	positive, total := 0, 0
	for i, v := range d {
		total += ranks[i]
		if v > 0 {
			positive += ranks[i]
		}
	}
	smaller := min(positive, total-positive)
	if len(d) <= 50 {
		return exactSignedRank(ranks, total, smaller)
	}
	// Doubled ranks have four times the variance: Σ r²/4 of ranks is Σ(2r)²/16.
	variance := 0.0
	for _, r := range ranks {
		variance += float64(r) * float64(r) / 16
	}
	distance := math.Abs(float64(smaller)/2-float64(total)/4) - 0.5
	return min(1, math.Erfc(max(0, distance)/math.Sqrt(2*variance)))
}

// doubledRanks are twice the ranks of values sorted by size, whole numbers
// where equal sizes share the mean of their ranks.
func doubledRanks(sorted []float64) []int {
	ranks := make([]int, len(sorted))
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && math.Abs(sorted[j]) == math.Abs(sorted[i]) {
			j++
		}
		for k := i; k < j; k++ {
			ranks[k] = i + 1 + j // 2 × the mean of i+1 … j
		}
		i = j
	}
	return ranks
}

// exactSignedRank counts the signs whose smaller sum is at most the one seen.
func exactSignedRank(ranks []int, total, smaller int) float64 {
	ways := make([]float64, total+1)
	ways[0] = 1
	for _, r := range ranks {
		for sum := total; sum >= r; sum-- {
			ways[sum] += ways[sum-r]
		}
	}
	tail := 0.0
	for sum := 0; sum <= smaller; sum++ {
		tail += ways[sum]
	}
	return min(1, 2*tail/math.Exp2(float64(len(ranks))))
}

// Holm corrects the p of several comparisons (1979): the k-th smallest of m is
// multiplied by m−k+1, and none falls below one before it.
func Holm(comparisons []*Comparison) {
	sorted := slices.Clone(comparisons)
	slices.SortStableFunc(sorted, func(a, b *Comparison) int { return cmp.Compare(a.P, b.P) })
	before := 0.0
	for i, c := range sorted {
		before = max(before, min(1, c.P*float64(len(sorted)-i)))
		c.PHolm = before
	}
}
