package workload_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/workload"
)

// collect returns the arrivals before limit.
func collect(shape workload.Shape, kind workload.Kind, seed uint64, limit time.Duration) []time.Duration {
	arrivals := workload.NewArrivals(shape, kind, seed)
	all := []time.Duration{}
	for {
		at, ok := arrivals.Next()
		if !ok || at >= limit {
			return all
		}
		all = append(all, at)
	}
}

func TestArrivalsFollowTheShape(t *testing.T) {
	for name, shape := range allShapes(t) {
		for _, kind := range []workload.Kind{workload.Poisson, workload.Uniform} {
			t.Run(name+"/"+string(kind), func(t *testing.T) { checkArrivals(t, shape, kind) })
		}
	}
}

// checkArrivals compares counts with the integral at 100 instants. Evenly
// spaced arrivals may be off by one, Poisson ones by six standard deviations.
func checkArrivals(t *testing.T, shape workload.Shape, kind workload.Kind) {
	t.Helper()
	length := shape.Duration()
	if length == 0 {
		length = 10 * time.Minute
	}
	all := collect(shape, kind, 7, length)
	for i := 1; i < len(all); i++ {
		if all[i] < all[i-1] {
			t.Fatalf("arrival %d at %v comes before %v", i, all[i], all[i-1])
		}
	}
	next := 0
	for i := 1; i <= 100; i++ {
		until := length * time.Duration(i) / 100
		for next < len(all) && all[next] < until {
			next++
		}
		want := shape.Expected(until)
		slack := 0.51
		if kind == workload.Poisson {
			slack = 6*math.Sqrt(want) + 6
		}
		if math.Abs(float64(next)-want) > slack {
			t.Fatalf("arrivals before %v: got %d, want %.2f ± %.2f", until, next, want, slack)
		}
	}
}
