package sim

import "math"

// Latencies counts response times in buckets 1/256 (0.4 %) wide, of which the
// exponent and the first eight bits of the fraction of the number are the
// index: a hundredth of the cost of a logarithm. It spans 1 µs … 4,096 s.
type Latencies struct {
	counts [latencyBuckets]float64
	total  float64
	sum    float64
}

const (
	latencyBits    = 8
	latencyShift   = 52 - latencyBits
	shortestBits   = 1023 - 20 // 2⁻²⁰ s, about a microsecond
	latencyOctaves = 32
	latencyBuckets = latencyOctaves << latencyBits
)

// latencyBucket is the bucket of a time in seconds.
func latencyBucket(seconds float64) int {
	i := int(math.Float64bits(seconds)>>latencyShift) - shortestBits<<latencyBits
	return min(max(i, 0), latencyBuckets-1)
}

// latencyEdge is the lower edge of bucket i in seconds.
func latencyEdge(i int) float64 {
	return math.Float64frombits(uint64(i+shortestBits<<latencyBits) << latencyShift)
}

// Add counts n requests that took so many seconds; n need not be whole.
func (l *Latencies) Add(seconds, n float64) {
	l.counts[latencyBucket(seconds)] += n
	l.total += n
	l.sum += seconds * n
}

// count adds one request.
func (l *Latencies) count(seconds float64) {
	l.counts[latencyBucket(seconds)]++
	l.total++
	l.sum += seconds
}

// Count returns how many were counted.
func (l *Latencies) Count() float64 { return l.total }

// Mean in seconds, 0 when empty.
func (l *Latencies) Mean() float64 {
	if l.total == 0 {
		return 0
	}
	return l.sum / l.total
}

// Quantile returns the q-quantile in seconds, q in 0..1, interpolated within
// its bucket; 0 when empty.
func (l *Latencies) Quantile(q float64) float64 {
	rank, seen, longest := q*l.total, 0.0, 0.0
	for i, n := range l.counts {
		if n <= 0 {
			continue
		}
		low, high := latencyEdge(i), latencyEdge(i+1)
		if seen+n >= rank {
			return low + (high-low)*(rank-seen)/n
		}
		seen, longest = seen+n, high
	}
	return longest // parts of requests may add up to a little less than their total
}

// Merge adds the counts of other.
func (l *Latencies) Merge(other *Latencies) {
	for i, n := range other.counts {
		l.counts[i] += n
	}
	l.total += other.total
	l.sum += other.sum
}
