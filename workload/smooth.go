package workload

import (
	"sort"
	"time"
)

// Smoothed returns the trace with the rate of every bin that holds fewer than
// count recorded requests replaced by the mean rate over the shortest window
// around it, in whole bins on either side, that holds count; a window that
// reaches an end of the trace goes on growing on the other side. Scaling a
// trace up scales its shot noise too: a bin with 4 requests is 50 % noise
// whatever the factor, one smoothed over 400 is 5 %. It makes no difference
// whether it comes before or after [Trace.Scaled]. A count of 0 changes
// nothing; neither does any where usage was recorded, which is no count.
func (t *Trace) Smoothed(count float64) *Trace {
	if count == 0 || t.quantity != RequestRate {
		return t
	}
	plain := *t
	plain.interpolated = false
	source := newTrace(plain, t.bins, t.length)
	recorded := runningTime(t.bins)
	bins := make([]Bin, len(t.bins))
	for i, b := range t.bins {
		if t.scale > 0 && b.RPS/t.scale*b.Width.Seconds() < count {
			first, last := source.shortest(i, count*t.scale)
			requests := source.Expected(t.bins[last].At+t.bins[last].Width) - source.Expected(t.bins[first].At)
			b.RPS = requests / (recorded[last+1] - recorded[first]).Seconds()
		}
		bins[i] = b
	}
	return newTrace(*t, bins, t.length)
}

// shortest returns the first and last bin of the smallest window centred on
// bin i that holds at least requests.
func (t *Trace) shortest(i int, requests float64) (first, last int) {
	window := func(k int) (int, int) { return max(0, i-k), min(len(t.bins)-1, i+k) }
	k := sort.Search(len(t.bins), func(k int) bool {
		first, last := window(k)
		return t.Expected(t.bins[last].At+t.bins[last].Width)-t.Expected(t.bins[first].At) >= requests*(1-1e-9)
	})
	return window(k)
}

// runningTime returns how much time was recorded before each bin, and in all.
func runningTime(bins []Bin) []time.Duration {
	sum := make([]time.Duration, len(bins)+1)
	for i, b := range bins {
		sum[i+1] = sum[i] + b.Width
	}
	return sum
}
