package ensemble_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/forecast/ensemble"
)

// warm is an ensemble after three noisy days, and what makes it a step older.
func warm(b *testing.B) (*ensemble.Ensemble, func()) {
	b.Helper()
	e := standard(b, ensemble.Default(15*time.Second, 1, 2, 3))
	i := 0
	next := func() {
		i++
		noise := math.Mod(float64(i)*0.618034, 1) // equidistributed, and the same each time
		e.Update(time.Unix(15*int64(i), 0), 100+50*math.Sin(2*math.Pi*float64(i)/5760)+20*noise)
	}
	for range 3 * 5760 {
		next()
	}
	return e, next
}

func BenchmarkUpdate(b *testing.B) {
	_, next := warm(b)
	b.ReportAllocs()
	for b.Loop() {
		next()
	}
}

func BenchmarkQuantiles(b *testing.B) {
	e, _ := warm(b)
	out := make([]float64, len(e.Levels()))
	b.ReportAllocs()
	for b.Loop() {
		e.Quantiles(3, out)
		e.Peak(3, out)
	}
}
