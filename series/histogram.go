package series

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
)

// The layout of a Histogram: values below 64 µs have a bucket per
// microsecond; above, every power of two is cut into 32 buckets, so a bucket
// is at most 1/32 (3.1 %) wide and its middle at most 1.6 % wrong.
//
//	µs   0 1 2 … 63 | 64 66 … 126 | 128 132 … 252 | … up to 71 minutes
const (
	linearBuckets = 64
	subBuckets    = 32
	octaves       = 26
	bucketCount   = linearBuckets + octaves*subBuckets
)

// Histogram counts durations in seconds in buckets of a fixed relative width.
// The zero value is empty and ready to use; it is not safe for concurrent use.
type Histogram struct {
	counts [bucketCount]uint64
	total  uint64
	sum    float64
}

func bucketOf(seconds float64) int {
	if !(seconds > 0) { // also NaN
		return 0
	}
	micros := seconds * 1e6
	if micros >= 1<<32 {
		return bucketCount - 1
	}
	u := uint64(micros)
	if u < linearBuckets {
		return int(u)
	}
	octave := bits.Len64(u) - 6
	return linearBuckets + (octave-1)*subBuckets + int(u>>octave) - subBuckets
}

// bounds returns the lower and upper edge of bucket i, in seconds.
func bounds(i int) (low, high float64) {
	if i < linearBuckets {
		return float64(i) * 1e-6, float64(i+1) * 1e-6
	}
	octave := (i-linearBuckets)/subBuckets + 1
	sub := (i-linearBuckets)%subBuckets + subBuckets
	return float64(uint64(sub)<<octave) * 1e-6, float64(uint64(sub+1)<<octave) * 1e-6
}

// Add counts one duration in seconds. Negative values count as 0.
func (h *Histogram) Add(seconds float64) { h.AddN(seconds, 1) }

// AddN counts n equal durations.
func (h *Histogram) AddN(seconds float64, n uint64) {
	h.counts[bucketOf(seconds)] += n
	h.total += n
	if seconds > 0 && Finite(seconds) {
		h.sum += seconds * float64(n)
	}
}

// Merge adds the counts of other.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.sum += other.sum
}

// Below sets h to the durations of other whose buckets end at a limit or before
// it; its mean is that of the middles of the buckets. It returns their share of
// other, 0..1.
func (h *Histogram) Below(limit float64, other *Histogram) float64 {
	h.Reset()
	for i, n := range other.counts {
		low, high := bounds(i)
		if high > limit {
			break
		}
		h.counts[i] = n
		h.total += n
		h.sum += float64(n) * (low + high) / 2
	}
	if other.total == 0 {
		return 0
	}
	return float64(h.total) / float64(other.total)
}

// Reset forgets everything.
func (h *Histogram) Reset() { *h = Histogram{} }

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.total }

// Mean returns the mean in seconds, 0 when empty.
func (h *Histogram) Mean() float64 {
	if h.total == 0 {
		return 0
	}
	return h.sum / float64(h.total)
}

// Variance returns the variance in seconds squared, values taken as in the
// middle of their buckets; 0 when empty.
func (h *Histogram) Variance() float64 {
	if h.total == 0 {
		return 0
	}
	mean, sum := h.Mean(), 0.0
	for from := 0; from < bucketCount; from += block {
		counts := (*[block]uint64)(h.counts[from:])
		if empty(counts) {
			continue
		}
		for i, n := range counts {
			if n > 0 {
				low, high := bounds(from + i)
				off := (low+high)/2 - mean
				sum += float64(n) * off * off
			}
		}
	}
	return sum / float64(h.total)
}

// block is how many buckets are looked at at once: those of one service hold
// little beside its own times. It divides bucketCount.
const block = 8

func empty(c *[block]uint64) bool {
	return c[0]|c[1]|c[2]|c[3]|c[4]|c[5]|c[6]|c[7] == 0
}

// Quantile returns the q-quantile in seconds, q in 0..1, interpolated within
// its bucket; 0 when empty.
func (h *Histogram) Quantile(q float64) float64 {
	if h.total == 0 {
		return 0
	}
	rank := math.Max(0, math.Min(1, q)) * float64(h.total)
	seen := 0.0
	for i, n := range h.counts {
		if n == 0 {
			continue
		}
		if seen+float64(n) >= rank {
			low, high := bounds(i)
			return low + (high-low)*(rank-seen)/float64(n)
		}
		seen += float64(n)
	}
	low, _ := bounds(bucketCount - 1)
	return low
}

// ShareAbove returns the share (0..1) of durations above threshold seconds,
// interpolated within the bucket the threshold falls in; 0 when empty.
func (h *Histogram) ShareAbove(threshold float64) float64 {
	if h.total == 0 {
		return 0
	}
	at := bucketOf(threshold)
	low, high := bounds(at)
	above := float64(h.counts[at]) * math.Min(1, math.Max(0, (high-threshold)/(high-low)))
	for _, n := range h.counts[at+1:] {
		above += float64(n)
	}
	return above / float64(h.total)
}

// histogramJSON is the wire form: only the buckets that hold something.
type histogramJSON struct {
	Sum     float64     `json:"sum"`
	Buckets [][2]uint64 `json:"buckets"` // index, count
}

// MarshalJSON writes the non-empty buckets.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	wire := histogramJSON{Sum: h.sum, Buckets: [][2]uint64{}}
	for i, n := range h.counts {
		if n > 0 {
			wire.Buckets = append(wire.Buckets, [2]uint64{uint64(i), n})
		}
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *Histogram) UnmarshalJSON(data []byte) error {
	var wire histogramJSON
	if err := json.Unmarshal(data, &wire); err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	h.Reset()
	for _, b := range wire.Buckets {
		if b[0] >= bucketCount {
			return fmt.Errorf("histogram: bucket %d out of range, at most %d", b[0], bucketCount-1)
		}
		h.counts[b[0]] += b[1]
		h.total += b[1]
	}
	h.sum = wire.Sum
	return nil
}
