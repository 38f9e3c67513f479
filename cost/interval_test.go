package cost_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/cost"
)

// sharp is a service whose replicas carry 50 requests per second; of what they
// carry with less than half a replica to spare, some violate.
type sharp struct{}

func (sharp) Avoidable(replicas int, rate, _ float64) float64 {
	spare := float64(replicas)*50 - rate
	if spare <= 0 {
		return 1
	}
	return math.Exp(-spare / 10)
}

func terms(rate float64) cost.Terms {
	return cost.Terms{Seconds: 15, Rate: rate, Violation: 0.1, PerReplica: 50}
}

// hull is the lower convex hull by its definition: the least of all chords.
func hull(v []float64, x int) float64 {
	least := v[x]
	for a := range x {
		for b := x + 1; b < len(v); b++ {
			least = min(least, v[a]+(v[b]-v[a])*float64(x-a)/float64(b-a))
		}
	}
	return least
}

func TestAnIntervalIsReplicasAndTheHullOfViolations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0, 1500).Draw(t, "rate")
		price := rapid.SampledFrom([]float64{0.001, 0.1, 1, 30}).Draw(t, "price")
		in := cost.Terms{Seconds: 15, Rate: rate, Violation: price, PerReplica: 50}
		var f cost.Interval
		f.Set(in, sharp{})
		violations := make([]float64, 60)
		for x := range violations {
			violations[x] = rate * 15 * sharp{}.Avoidable(x, rate, 0)
		}
		for x := range violations {
			want := 15*float64(x) + price*hull(violations, x)
			if got := f.Of(x); math.Abs(got-want) > 1e-6*want+15e-3*1.001 {
				t.Fatalf("%v/s at %v, %d replicas: got %v, want %v", rate, price, x, got, want)
			}
			if x > 1 && f.Of(x)-f.Of(x-1) < f.Of(x-1)-f.Of(x-2)-1e-9 {
				t.Fatalf("not convex at %d replicas", x)
			}
		}
	})
}

// One replica more saves at most what it carries, whatever the service says.
func TestAReplicaSavesAtMostWhatItCarries(t *testing.T) {
	for _, in := range []cost.Terms{terms(333), {Seconds: 15, Rate: 333, Violation: 0.1, PerReplica: 20}} {
		var f cost.Interval
		f.Set(in, sharp{})
		for x := range 50 {
			if saved := f.Of(x) - f.Of(x+1); saved > in.Seconds*(in.Violation*in.PerReplica-1)+1e-9 {
				t.Errorf("at %v per replica: replica %d saves %v", in.PerReplica, x+1, saved)
			}
		}
	}
}

// wide is a service in which many replicas more still help.
type wide struct{}

func (wide) Avoidable(replicas int, rate, _ float64) float64 {
	if spare := float64(replicas)*50 - rate; spare > 0 {
		return math.Exp(-spare / 2000)
	}
	return 1
}

// Far from the bare capacity not every number is looked at: between them a
// straight line is a little above.
func TestManyReplicasAreReadInSteps(t *testing.T) {
	in, f := cost.Terms{Seconds: 1, Rate: 1000, Violation: 1, PerReplica: 50}, cost.Interval{}
	f.Set(in, wide{})
	violations := make([]float64, 400)
	for x := range violations {
		violations[x] = 1000 * wide{}.Avoidable(x, 1000, 0)
	}
	for x := range violations {
		want := float64(x) + hull(violations, x)
		if got := f.Of(x); got < want-1e-9 || got > 1.002*want {
			t.Errorf("%d replicas: got %v, want %v or little more", x, got, want)
		}
	}
}

// moody has shares that come and go.
type moody struct{}

func (moody) Avoidable(replicas int, _, _ float64) float64 {
	return []float64{1, math.NaN(), 0.3, 2, -1, 0.4, 0.1, math.Inf(1)}[replicas%8]
}

func TestSharesThatMakeNoSenseSaveNothing(t *testing.T) {
	var f cost.Interval
	f.Set(cost.Terms{Seconds: 15, Rate: 100, Violation: 1, PerReplica: 1000}, moody{})
	for x := range 40 {
		slope := f.Of(x+1) - f.Of(x)
		if v := f.Of(x); !(v >= 0 && v < 1e6) || !(slope <= 15+1e-9) || x > 0 && slope < f.Of(x)-f.Of(x-1)-1e-9 {
			t.Errorf("%d replicas: cost %v, the next one %v", x, v, slope)
		}
	}
}

// odd is a service that makes no sense.
type odd float64

func (o odd) Avoidable(int, float64, float64) float64 { return float64(o) }

func TestWhatMakesNoSenseCostsAFiniteAmount(t *testing.T) {
	values := []float64{0, -1, 1, 1e18, 1e300, math.NaN(), math.Inf(1), math.Inf(-1)}
	for _, a := range values {
		for _, b := range values {
			for _, share := range values {
				in := []cost.Terms{
					{Seconds: a, Rate: b, Violation: 1, PerReplica: 50}, {Seconds: 15, Rate: a, Violation: b, PerReplica: 50},
					{Seconds: 15, Rate: 100, Violation: a, PerReplica: b}, {Seconds: 15, Rate: a, Violation: 1, PerReplica: b},
				}
				for _, terms := range in {
					var f cost.Interval
					f.Set(terms, odd(share))
					lazy := cost.NewLazy(1, 20, 30)
					lower, upper := lazy.Step(&f)
					if v := f.Of(10); math.IsNaN(v) || math.IsInf(v, 0) || lower > upper || lower < 0 || upper > 20 {
						t.Errorf("%+v with a share of %v: cost %v, bounds %d … %d", terms, share, v, lower, upper)
					}
				}
			}
		}
	}
}

func TestSetAllocatesNothing(t *testing.T) {
	var f cost.Interval
	f.Set(terms(4000), sharp{})
	in, s := terms(3000), cost.Service(sharp{})
	if n := testing.AllocsPerRun(100, func() { f.Set(in, s) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
