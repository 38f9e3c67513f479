package latency

import "github.com/flyball-io/flyball/series"

// pieces a bucket is cut into: with less, a quantile inside a wide bucket would
// jump from its one value to that of the next.
const pieces = 16

// Spread adds n durations of which no more is known than that they are above
// low and at most high seconds: evenly over the bucket.
func Spread(h *series.Histogram, low, high float64, n uint64) {
	before := uint64(0)
	for i := range uint64(pieces) {
		until := n * (i + 1) / pieces
		if until > before {
			h.AddN(low+(high-low)*(float64(i)+0.5)/pieces, until-before)
		}
		before = until
	}
}
