package present

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/report"
)

// pairing is a metric of two policies, trace by trace: each value the mean over
// seeds.
type pairing struct {
	metric          report.Metric
	clusters        []string
	base, candidate []float64
}

func (p *pairing) add(cluster string, base, candidate float64) {
	p.clusters = append(p.clusters, cluster)
	p.base, p.candidate = append(p.base, base), append(p.candidate, candidate)
}

// row pools both over traces in the same way, and its improvement is that of
// the two values it shows. How depends on the metric:
//
//	latencies   the median: one trace that overflows would be all of a mean
//	violations  the mean, as in the table of a terminal; many are zero
//	others      the geometric mean, or the mean where some value is zero
func (p pairing) row() report.Row {
	row := report.Row{Key: p.metric.Key}
	several := len(p.base) > 1
	switch {
	case p.metric.Group == report.Latency:
		row = p.resampled(median)
		row.Over = "median"
	case strings.HasSuffix(p.metric.Key, "violation_ratio") || slices.Min(p.base) <= 0 || slices.Min(p.candidate) <= 0:
		row = p.resampled(average)
		row.Over = "mean"
	default:
		row = p.geometric()
	}
	if !several {
		row.Over = ""
	}
	return row
}

// geometric is the ratio that [evaluate.Compare] tells, with values to match:
// traces of one cluster count as one.
func (p pairing) geometric() report.Row {
	row := report.Row{Key: p.metric.Key, Baseline: p.geometricMean(p.base), Candidate: p.geometricMean(p.candidate)}
	var pairs []evaluate.Pair
	for i, cluster := range p.clusters {
		pairs = append(pairs, evaluate.Pair{Trace: cluster, Candidate: p.candidate[i], Reference: p.base[i]})
	}
	c, ok := evaluate.Compare(pairs, bootstrapSeed)
	switch {
	case !ok || c.Traces < 2: // one alone has no interval
	case p.metric.MoreIsBetter:
		row.Improvement = &report.Estimate{Value: c.Ratio - 1, Low: c.Low - 1, High: c.High - 1}
	default:
		row.Improvement = &report.Estimate{Value: 1 - c.Ratio, Low: 1 - c.High, High: 1 - c.Low}
	}
	return row
}

func (p pairing) geometricMean(values []float64) float64 {
	of := p.byCluster()
	sum := 0.0
	for _, places := range of {
		for _, i := range places {
			sum += math.Log(values[i]) / float64(len(places))
		}
	}
	return math.Exp(sum / float64(len(of)))
}

// byCluster lists the places of the values of each cluster, in order of names.
func (p pairing) byCluster() [][]int {
	names := slices.Compact(slices.Sorted(slices.Values(p.clusters)))
	of := make([][]int, len(names))
	for i, name := range p.clusters {
		k, _ := slices.BinarySearch(names, name)
		of[k] = append(of[k], i)
	}
	return of
}

// resampled pools each side, and draws whole clusters of traces to find out how
// far the improvement between the two would lie on others: as
// [evaluate.Compare] does for geometric means.
func (p pairing) resampled(pool func([]float64) float64) report.Row {
	row := report.Row{Key: p.metric.Key, Baseline: pool(p.base), Candidate: pool(p.candidate)}
	of := p.byCluster()
	if len(of) < 2 {
		return row
	}
	random := rand.New(rand.NewPCG(bootstrapSeed, uint64(len(of))))
	drawn := make([]float64, evaluate.Resamples)
	var base, candidate []float64
	for n := range drawn {
		base, candidate = base[:0], candidate[:0]
		for range of {
			for _, i := range of[random.IntN(len(of))] {
				base, candidate = append(base, p.base[i]), append(candidate, p.candidate[i])
			}
		}
		drawn[n] = p.improvement(pool(base), pool(candidate))
	}
	slices.Sort(drawn)
	last := float64(len(drawn) - 1)
	row.Improvement = &report.Estimate{
		Value: p.metric.Improvement(row.Baseline, row.Candidate),
		Low:   drawn[int(math.Round(0.025*last))], High: drawn[int(math.Round(0.975*last))],
	}
	return row
}

// improvement is without bound where a draw has nothing to improve on.
func (p pairing) improvement(base, candidate float64) float64 {
	v := p.metric.Improvement(base, candidate)
	switch {
	case !math.IsNaN(v):
		return v
	case p.metric.MoreIsBetter:
		return math.Inf(1)
	default:
		return math.Inf(-1)
	}
}

func average(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// median is the mean of the middle two of an even number.
func median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
