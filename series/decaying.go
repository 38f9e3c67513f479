package series

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Buckets cut values from 0 up into buckets each of which is wider than the one
// before by the same share. Bucket n begins at
//
//	first · ((1+growth)^n − 1) / growth
//
// so it is within growth of any value in it, however large: with a first of
// 0.01 cores and a growth of 0.05, at 0, 0.01, 0.0205, 0.0315 … cores.
type Buckets struct {
	first, ratio float64
	count        int
}

// NewBuckets cuts values from 0 to most; larger ones share the last bucket.
// First and most must be above 0, and growth too.
func NewBuckets(first, most, growth float64) Buckets {
	ratio := 1 + growth
	return Buckets{first: first, ratio: ratio, count: int(math.Ceil(logOf(ratio, most*(ratio-1)/first+1))) + 1}
}

func logOf(base, x float64) float64 { return math.Log(x) / math.Log(base) }

// Of returns the bucket of a value; a negative one is in the first.
func (b Buckets) Of(value float64) int {
	if !(value >= b.first) { // also NaN
		return 0
	}
	return int(math.Min(logOf(b.ratio, value*(b.ratio-1)/b.first+1), float64(b.count-1)))
}

// Start returns where bucket n begins.
func (b Buckets) Start(n int) float64 {
	if n == 0 {
		return 0
	}
	return b.first * (math.Pow(b.ratio, float64(n)) - 1) / (b.ratio - 1)
}

// End returns where bucket n ends. The last one has no end: its start.
func (b Buckets) End(n int) float64 { return b.Start(min(n+1, b.count-1)) }

// Decaying is a histogram in which a value of a half-life ago weighs half as
// much as one of now. Instead of shrinking what is there, what comes later is
// added with a larger weight: 2^((at − reference) / half-life).
//
// It answers as the histograms of the Vertical Pod Autoscaler do (package
// pkg/recommender/util), to the last bit: test/vpadiff compares them. It is not
// safe for concurrent use.
type Decaying struct {
	buckets   Buckets
	halfLife  time.Duration
	weights   []float64
	total     float64
	low, high int       // the first and the last bucket that weigh something
	reference time.Time // a value of this instant weighs 1; zero: nothing was added
}

// Bounds of weights: what is below the first is nothing, and a value so many
// half-lives after the reference moves the reference, before numbers overflow.
const (
	leastWeight   = 1e-4
	mostHalfLives = 100
)

// NewDecaying returns an empty histogram.
func NewDecaying(b Buckets, halfLife time.Duration) *Decaying {
	return &Decaying{buckets: b, halfLife: halfLife, weights: make([]float64, b.count), low: b.count - 1}
}

// Buckets returns how values are cut.
func (d *Decaying) Buckets() Buckets { return d.buckets }

// Add adds a value of an instant with a weight of 0 or more.
func (d *Decaying) Add(value, weight float64, at time.Time) {
	weight *= d.factor(at)
	n := d.buckets.Of(value)
	d.weights[n] += weight
	d.total += weight
	if d.weights[n] >= leastWeight {
		d.low, d.high = min(d.low, n), max(d.high, n)
	}
}

// Subtract takes back a value that was added with the same weight and instant.
func (d *Decaying) Subtract(value, weight float64, at time.Time) {
	weight *= d.factor(at)
	n := d.buckets.Of(value)
	d.total = less(d.total, weight)
	d.weights[n] = less(d.weights[n], weight)
	d.narrow()
}

func less(weight, by float64) float64 {
	if weight -= by; weight < leastWeight {
		return 0
	}
	return weight
}

// narrow moves the first and the last bucket to those that weigh something.
func (d *Decaying) narrow() {
	for d.low < len(d.weights)-1 && d.weights[d.low] < leastWeight {
		d.low++
	}
	for d.high > 0 && d.weights[d.high] < leastWeight {
		d.high--
	}
}

// factor is the weight of a value of an instant. It moves the reference where
// that would be too large.
func (d *Decaying) factor(at time.Time) float64 {
	if d.reference.IsZero() || at.After(d.reference.Add(mostHalfLives*d.halfLife)) {
		d.refer(at)
	}
	return math.Exp2(float64(at.Sub(d.reference)) / float64(d.halfLife))
}

// refer moves the reference, to a multiple of the half-life: a power of two is
// exact. Everything else weighs less by what has gone by.
func (d *Decaying) refer(to time.Time) {
	to = to.Round(d.halfLife)
	gone := math.Floor(float64(d.reference.Sub(to))/float64(d.halfLife) + 0.5)
	d.reference = to
	less := math.Ldexp(1, int(gone))
	for n := d.low; n <= d.high; n++ {
		d.weights[n] *= less
	}
	d.total *= less
	d.narrow()
}

// Empty reports that nothing in it weighs anything.
func (d *Decaying) Empty() bool { return d.weights[d.low] < leastWeight }

// Bucket returns the bucket in which the q-quantile is, q in 0..1; false when
// the histogram is empty.
func (d *Decaying) Bucket(q float64) (int, bool) {
	if d.Empty() {
		return 0, false
	}
	rank, seen := q*d.total, 0.0
	for n := d.low; n < d.high; n++ {
		if seen += d.weights[n]; seen >= rank {
			return n, true
		}
	}
	return d.high, true
}

// Quantile returns the end of the bucket in which the q-quantile is: at least
// the quantile, and at most one bucket above it. 0 when empty.
func (d *Decaying) Quantile(q float64) float64 {
	n, ok := d.Bucket(q)
	if !ok {
		return 0
	}
	return d.buckets.End(n)
}

// Clone returns a copy that shares no memory with d.
func (d *Decaying) Clone() *Decaying {
	c := *d
	c.weights = append([]float64(nil), d.weights...)
	return &c
}

// decayingJSON is the wire form: only the buckets that hold something.
type decayingJSON struct {
	Reference time.Time         `json:"reference,omitzero"`
	Total     float64           `json:"total"`
	Low       int               `json:"low"`
	High      int               `json:"high"`
	Weights   []decayingWeights `json:"weights"`
}

type decayingWeights struct {
	Bucket int     `json:"n"`
	Weight float64 `json:"w"`
}

// MarshalJSON writes the buckets that hold something, exactly. How values are
// cut and the half-life are who restores it knows.
func (d *Decaying) MarshalJSON() ([]byte, error) {
	wire := decayingJSON{Reference: d.reference, Total: d.total, Low: d.low, High: d.high, Weights: []decayingWeights{}}
	for n, w := range d.weights {
		if w != 0 {
			wire.Weights = append(wire.Weights, decayingWeights{n, w})
		}
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads what MarshalJSON of a histogram with the same buckets and
// half-life wrote. Where it does not fit, d is left unchanged.
func (d *Decaying) UnmarshalJSON(data []byte) error {
	var wire decayingJSON
	if err := json.Unmarshal(data, &wire); err != nil {
		return fmt.Errorf("decaying histogram: %w", err)
	}
	inside := func(n int) bool { return n >= 0 && n < len(d.weights) }
	if !inside(wire.Low) || !inside(wire.High) || !(wire.Total >= 0) {
		return fmt.Errorf("decaying histogram: total %v in buckets %d to %d, of 0 to %d", wire.Total, wire.Low, wire.High, len(d.weights)-1)
	}
	weights := make([]float64, len(d.weights))
	for _, w := range wire.Weights {
		if !inside(w.Bucket) || !(w.Weight >= 0) {
			return fmt.Errorf("decaying histogram: weight %v in bucket %d, of 0 to %d", w.Weight, w.Bucket, len(d.weights)-1)
		}
		weights[w.Bucket] = w.Weight
	}
	d.weights, d.total, d.low, d.high, d.reference = weights, wire.Total, wire.Low, wire.High, wire.Reference
	return nil
}
