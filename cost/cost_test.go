package cost_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/cost"
)

// instance is a table of costs, with counts that are forbidden here and there.
func instance(seed uint64, steps, most int) func(t, x int) float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	table := make([][]float64, steps)
	for t := range table {
		table[t] = make([]float64, most+1)
		for x := range table[t] {
			table[t][x] = math.Round(rng.Float64()*20) / 2
			if rng.IntN(8) == 0 {
				table[t][x] = math.Inf(1)
			}
		}
	}
	return func(t, x int) float64 { return table[t][x] }
}

// each calls see with every schedule.
func each(steps, most int, see func(schedule []int)) {
	schedule := make([]int, steps)
	var try func(t int)
	try = func(t int) {
		if t == steps {
			see(schedule)
			return
		}
		for x := range most + 1 {
			schedule[t] = x
			try(t + 1)
		}
	}
	try(0)
}

// cheapestOfAll tries every schedule.
func cheapestOfAll(steps, most, initial int, beta float64, f func(t, x int) float64) float64 {
	best := math.Inf(1)
	each(steps, most, func(schedule []int) { best = min(best, cost.Of(schedule, initial, f, beta)) })
	return best
}

func TestClairvoyantIsTheCheapestOfAllSchedules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps, most := rapid.IntRange(1, 5).Draw(t, "steps"), rapid.IntRange(0, 4).Draw(t, "most")
		initial := rapid.IntRange(0, 6).Draw(t, "initial")
		beta := rapid.SampledFrom([]float64{0, 0.5, 1.25, 4, 100}).Draw(t, "beta")
		f := instance(rapid.Uint64().Draw(t, "seed"), steps, most)
		want := cheapestOfAll(steps, most, initial, beta, f)
		schedule, got := cost.Clairvoyant(steps, most, initial, beta, f)
		if math.IsInf(want, 1) {
			if schedule != nil || !math.IsInf(got, 1) {
				t.Fatalf("got %v for %v, want none: nothing is allowed", schedule, got)
			}
			return
		}
		if math.Abs(got-want) > 1e-9 || math.Abs(cost.Of(schedule, initial, f, beta)-want) > 1e-9 {
			t.Fatalf("got %v for %v (it costs %v), want %v", schedule, got, cost.Of(schedule, initial, f, beta), want)
		}
	})
}

// At a price of a violation no schedule with as few violations is cheaper, and
// with more or fewer none costs less than the price leaves (Lagrangian duality).
func TestAtAPriceNoneIsCheaperWithAsFewViolations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps, most, initial := rapid.IntRange(1, 5).Draw(t, "steps"), rapid.IntRange(1, 4).Draw(t, "most"), rapid.IntRange(0, 4).Draw(t, "initial")
		beta, theta := rapid.SampledFrom([]float64{0, 1.25, 4}).Draw(t, "beta"), rapid.SampledFrom([]float64{0, 0.3, 1, 7}).Draw(t, "theta")
		table := instance(rapid.Uint64().Draw(t, "seed"), steps, most)
		replicas := func(_, x int) float64 { return float64(x) }
		violations := func(t, x int) float64 { return min(10, table(t, x)) } // of any shape
		schedule, total := cost.Clairvoyant(steps, most, initial, beta, func(t, x int) float64 { return replicas(t, x) + theta*violations(t, x) })
		paid, violated := cost.Of(schedule, initial, replicas, beta), cost.Of(schedule, initial, violations, 0)
		each(steps, most, func(other []int) {
			otherPaid, otherViolated := cost.Of(other, initial, replicas, beta), cost.Of(other, initial, violations, 0)
			if otherViolated <= violated && otherPaid < paid-1e-9 {
				t.Fatalf("%v costs %v with %v violations, but %v costs %v with %v", schedule, paid, violated, other, otherPaid, otherViolated)
			}
			if bound := total - theta*otherViolated; otherPaid < bound-1e-9 {
				t.Fatalf("%v costs %v with %v violations, below the bound of %v", other, otherPaid, otherViolated, bound)
			}
		})
	})
}

func BenchmarkClairvoyant(b *testing.B) {
	f := func(t, x int) float64 { return float64(x) + 50*max(0, 40+30*math.Sin(float64(t)/40)-float64(x)) }
	for b.Loop() {
		cost.Clairvoyant(1000, 100, 10, 2, f)
	}
}

// Two short peaks: keeping two replicas between them is cheaper than adding one
// twice, when adding costs more than it saves.
func ExampleClairvoyant() {
	demand := []int{1, 3, 2, 3, 1}
	f := func(t, x int) float64 {
		if x < demand[t] {
			return math.Inf(1)
		}
		return float64(x)
	}
	for _, beta := range []float64{0.5, 2} {
		schedule, total := cost.Clairvoyant(len(demand), 5, 1, beta, f)
		fmt.Println(schedule, total)
	}
	// Output:
	// [1 3 2 3 1] 11.5
	// [1 3 3 3 1] 15
}
