package cost_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/cost"
)

// convex is an interval with slopes in quarters, so that sums are exact, and
// all above 0 beyond the last.
func convex(rng *rand.Rand, most int) cost.Interval {
	slopes := make([]float64, rng.IntN(most+1))
	for i := range slopes {
		slopes[i] = float64(rng.IntN(41)-24) / 4
	}
	slices.Sort(slopes)
	after := 6 + float64(rng.IntN(3))/4
	return cost.Convex(float64(rng.IntN(100)), slopes, after)
}

// byDefinition holds C_t as an array and finds the bounds as they are defined.
type byDefinition struct {
	beta  float64
	least []float64
}

func newByDefinition(initial, most int, beta float64) *byDefinition {
	d := &byDefinition{beta: beta, least: make([]float64, most+1)}
	for x := range d.least {
		d.least[x] = beta * float64(max(0, x-initial))
	}
	return d
}

func (d *byDefinition) step(f *cost.Interval) (lower, upper int) {
	after := make([]float64, len(d.least))
	for x := range after {
		after[x] = math.Inf(1)
		for y, c := range d.least {
			after[x] = min(after[x], c+d.beta*float64(max(0, x-y)))
		}
		after[x] += f.Of(x)
	}
	d.least = after
	for x, c := range after {
		if c < after[lower] {
			lower = x
		}
		if c-d.beta*float64(x) <= after[upper]-d.beta*float64(upper) {
			upper = x
		}
	}
	return lower, upper
}

func TestLazyHasTheBoundsOfItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most, rng := rapid.IntRange(0, 12).Draw(t, "most"), rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		initial := rapid.IntRange(0, most).Draw(t, "initial")
		beta := rapid.SampledFrom([]float64{0, 0.5, 1.25, 4, 20}).Draw(t, "beta")
		lazy, slow := cost.NewLazy(initial, most, beta), newByDefinition(initial, most, beta)
		for step := range 30 {
			f := convex(rng, most)
			if rng.IntN(8) == 0 {
				f = cost.Interval{} // costs nothing
			}
			lower, upper := lazy.Step(&f)
			if low, up := slow.step(&f); lower != low || upper != up {
				t.Fatalf("step %d: got %d … %d, by definition %d … %d", step, lower, upper, low, up)
			}
			if again := restored(t, lazy, most); rng.IntN(2) == 0 {
				lazy = again
			}
		}
	})
}

func restored(t *rapid.T, l *cost.Lazy, most int) *cost.Lazy {
	data, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	again := cost.NewLazy(0, most, 0)
	if err := json.Unmarshal(data, again); err != nil {
		t.Fatal(err)
	}
	return again
}

// follow plays lazy capacity provisioning over intervals.
func follow(fs []cost.Interval, initial, most int, beta float64) []int {
	lazy, x, schedule := cost.NewLazy(initial, most, beta), initial, make([]int, len(fs))
	for t := range fs {
		lower, upper := lazy.Step(&fs[t])
		x = min(max(x, lower), upper)
		schedule[t] = x
	}
	return schedule
}

func ratio(fs []cost.Interval, initial, most int, beta float64) float64 {
	f := func(t, x int) float64 { return fs[t].Of(x) }
	_, best := cost.Clairvoyant(len(fs), most, initial, beta, f)
	if best == 0 {
		return 1
	}
	return cost.Of(follow(fs, initial, most, beta), initial, f, beta) / best
}

// Least costs are subtracted until the cheapest count costs nothing: a constant
// would only hide how much dearer a schedule is.
func bare(f cost.Interval, most int) cost.Interval {
	slopes, least := make([]float64, most), math.Inf(1)
	for x := range most + 1 {
		least = min(least, f.Of(x))
		if x > 0 {
			slopes[x-1] = f.Of(x) - f.Of(x-1)
		}
	}
	return cost.Convex(f.Of(0)-least, slopes, 10)
}

func TestLazyCostsAtMostThreeTimesTheClairvoyant(t *testing.T) {
	const instances = 10000
	rng, worst, sum := rand.New(rand.NewPCG(1, 2)), 1.0, 0.0
	for n := range instances {
		most, fs := 1+rng.IntN(10), make([]cost.Interval, 1+rng.IntN(40))
		for i := range fs {
			fs[i] = bare(convex(rng, most), most)
		}
		r := ratio(fs, 0, most, []float64{0.25, 1, 3, 10, 40}[rng.IntN(5)])
		if worst, sum = max(worst, r), sum+r; r > 3 {
			t.Fatalf("instance %d: %v times what the clairvoyant pays", n, r)
		}
	}
	t.Logf("%d instances: %.3f on average, %.3f at worst", instances, sum/instances, worst)
	if worst < 1.5 {
		t.Errorf("the worst is %v: these instances prove nothing", worst)
	}
}

// The adversary makes one replica needed in small steps until there is one,
// and useless until it is gone.
func TestNoOneDoesBetterThanThreeAgainstTheAdversary(t *testing.T) {
	const beta, step = 1.0, 1.0 / 256
	lazy, x, fs := cost.NewLazy(0, 1, beta), 0, []cost.Interval(nil)
	for range 200000 {
		f := cost.Convex(step, []float64{-step}, 1) // hurts without a replica
		if x == 1 {
			f = cost.Convex(0, []float64{step}, 1) // hurts with one
		}
		lower, upper := lazy.Step(&f)
		x = min(max(x, lower), upper)
		fs = append(fs, f)
	}
	if r := ratio(fs, 0, 1, beta); r < 2.95 || r > 3 {
		t.Errorf("got %v times the clairvoyant's cost, want just below 3", r)
	}
}

// No number grows with time, and no memory with the most replicas.
func TestLazyForgetsWhatIsSettled(t *testing.T) {
	lazy, f := cost.NewLazy(10, 1_000_000, 30), cost.Interval{}
	for step := range 100_000 {
		f.Set(terms(500+400*math.Sin(float64(step)/500)), sharp{})
		lazy.Step(&f)
		if lazy.Kept() > 5 { // a sine never moves faster
			t.Fatalf("step %d: %d accounts", step, lazy.Kept())
		}
	}
	n := testing.AllocsPerRun(100, func() { lazy.Step(&f) })
	if n != 0 {
		t.Errorf("a step allocates %v times, want 0", n)
	}
}

// More than the most replicas is never asked for, and not kept account of.
func TestLazyStaysBelowTheMost(t *testing.T) {
	lazy, f := cost.NewLazy(2, 10, 30), cost.Interval{}
	f.Set(cost.Terms{Seconds: 15, Rate: 1e9, Violation: 1, PerReplica: 50}, sharp{})
	if lower, upper := lazy.Step(&f); lower != 10 || upper != 10 || lazy.Kept() > 10 {
		t.Errorf("got %d … %d with %d accounts, want 10 … 10", lower, upper, lazy.Kept())
	}
}

// Whoever allows fewer replicas from now on goes on with those.
func TestLazyRestoredWithFewerReplicasStaysBelowThem(t *testing.T) {
	busy, idle := cost.Convex(0, []float64{-90, -90, -90, -90, -90, -90}, 15), cost.Convex(0, []float64{-90}, 3)
	for _, initial := range []int{0, 9} { // some stand at 0, and others between 0 and β
		many, few := cost.NewLazy(initial, 20, 30), cost.NewLazy(0, 4, 0)
		many.Step(&busy)
		many.Step(&idle)
		data, err := json.Marshal(many)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, few); err != nil {
			t.Fatal(err)
		}
		if lower, upper := few.Step(&idle); lower != 1 || upper != 4 || few.Kept() > 4 {
			t.Errorf("from %d replicas: %d … %d with %d accounts, want 1 … 4", initial, lower, upper, few.Kept())
		}
	}
}

// A start that has become cheaper is worth less patience, and a dearer one more.
func TestTheCostOfAStartMayChange(t *testing.T) {
	for beta, want := range map[float64]int{10: 2, 30: 9, 100: 9} {
		lazy, idle := cost.NewLazy(9, 20, 30), cost.Convex(0, []float64{-90, -90}, 15)
		lazy.Step(&idle)
		lazy.SetBeta(beta)
		if _, upper := lazy.Step(&idle); upper != want {
			t.Errorf("after two intervals of 15 s, a start for %v s: up to %d, want %d", beta, upper, want)
		}
	}
}

func BenchmarkLazyStep(b *testing.B) {
	for _, most := range []int{100, 1000} {
		b.Run(fmt.Sprint(most), func(b *testing.B) {
			lazy, f, step := cost.NewLazy(10, most, 30), cost.Interval{}, 0
			b.ReportAllocs()
			for b.Loop() {
				step++
				f.Set(terms(float64(most)*50*(0.5+0.4*math.Sin(float64(step)/100))), sharp{})
				lazy.Step(&f)
			}
		})
	}
}

// Replicas carry 50 requests per second each; adding one costs as much as
// keeping it for 30 s. When the load falls the count stays until that was paid.
func ExampleLazy() {
	lazy, x, f := cost.NewLazy(2, 100, 30), 2, cost.Interval{}
	for _, rate := range []float64{90, 450, 90, 90, 90} {
		f.Set(cost.Terms{Seconds: 15, Rate: rate, Violation: 1, PerReplica: 50}, sharp{})
		lower, upper := lazy.Step(&f)
		x = min(max(x, lower), upper)
		fmt.Printf("%v/s: %d … %d, so %d\n", rate, lower, upper, x)
	}
	// Output:
	// 90/s: 3 … 3, so 3
	// 450/s: 11 … 11, so 11
	// 90/s: 3 … 11, so 11
	// 90/s: 3 … 11, so 11
	// 90/s: 3 … 3, so 3
}
