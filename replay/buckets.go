package replay

import (
	"math"
	"slices"
)

// Buckets is a histogram of latencies: how many took at most so long.
type Buckets struct {
	Edges  []float64 // seconds, ascending; the last may be infinite
	Counts []float64 // cumulative, as Prometheus has them
}

// newBuckets takes counts by upper edge.
func newBuckets(by map[float64]float64) *Buckets {
	b := &Buckets{}
	for edge := range by {
		b.Edges = append(b.Edges, edge)
	}
	slices.Sort(b.Edges)
	most := 0.0
	for _, edge := range b.Edges {
		most = max(most, by[edge]) // rates of counters may disagree a little
		b.Counts = append(b.Counts, most)
	}
	return b
}

func (b *Buckets) total() float64 {
	if len(b.Counts) == 0 {
		return 0
	}
	return b.Counts[len(b.Counts)-1]
}

// Quantile is the time that a share p takes at most: in straight lines within a
// bucket, as Prometheus does it. NaN of an empty histogram, and beyond the last
// finite edge.
func (b *Buckets) Quantile(p float64) float64 {
	total := b.total()
	if !(total > 0) {
		return math.NaN()
	}
	from, below := 0.0, 0.0
	for i, edge := range b.Edges {
		if b.Counts[i] >= p*total {
			if math.IsInf(edge, 1) || b.Counts[i] == below {
				return math.NaN()
			}
			return from + (edge-from)*(p*total-below)/(b.Counts[i]-below)
		}
		from, below = edge, b.Counts[i]
	}
	return math.NaN()
}

// Above is the share that takes longer than a threshold; NaN of an empty
// histogram, and where no edge lies beyond it.
func (b *Buckets) Above(threshold float64) float64 {
	total := b.total()
	if !(total > 0) {
		return math.NaN()
	}
	from, below := 0.0, 0.0
	for i, edge := range b.Edges {
		if edge >= threshold {
			if math.IsInf(edge, 1) {
				break
			}
			return 1 - (below+(b.Counts[i]-below)*(threshold-from)/(edge-from))/total
		}
		from, below = edge, b.Counts[i]
	}
	return math.NaN()
}

// points are the edges that say something of a distribution's middle: as
// logarithms, with the normal quantile of their share.
func (b *Buckets) points() (x, z, w []float64) {
	total := b.total()
	for i, edge := range b.Edges {
		share := b.Counts[i] / total
		if edge > 0 && !math.IsInf(edge, 1) && share > 0.02 && share < 0.995 {
			x, z, w = append(x, math.Log(edge)), append(z, math.Sqrt2*math.Erfinv(2*share-1)), append(w, share*(1-share))
		}
	}
	return x, z, w
}

// fits reports whether a lognormal can be fitted.
func (b *Buckets) fits() bool {
	if !(b.total() > 0) {
		return false
	}
	x, _, _ := b.points()
	return len(x) >= 2
}

// lognormal is the line through the points: ln t = μ + σ z.
func (b *Buckets) lognormal() (mu, sigma float64) {
	x, z, w := b.points()
	var sw, sx, sz, szz, sxz float64
	for i := range x {
		sw, sx, sz = sw+w[i], sx+w[i]*x[i], sz+w[i]*z[i]
	}
	mx, mz := sx/sw, sz/sw
	for i := range x {
		szz, sxz = szz+w[i]*(z[i]-mz)*(z[i]-mz), sxz+w[i]*(z[i]-mz)*(x[i]-mx)
	}
	sigma = max(0, sxz/szz)
	return mx - sigma*mz, sigma
}
