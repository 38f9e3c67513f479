package cost_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/cost"
)

// billed follows single replicas through a schedule and adds up what each is
// paid, from its creation to the end of its draining.
func billed(b cost.Billing, replicas []int, initial int) float64 {
	step, end := b.Step.Seconds(), b.Step.Seconds()*float64(len(replicas))
	var serving []float64 // since when, the oldest first
	total := 0.0
	gone := func(since, at float64) {
		total += at - since
		if at < end {
			total += b.Drain.Seconds()
		}
	}
	for range initial {
		serving = append(serving, 0)
	}
	for t, x := range replicas {
		now := float64(t) * step
		for ; len(serving) < x; serving = append(serving, now) {
			total += b.Startup.Seconds() + b.Switch // created that much before
		}
		for ; len(serving) > x; serving = serving[1:] {
			gone(serving[0], now)
		}
	}
	for _, since := range serving {
		gone(since, end)
	}
	return total
}

// small is an instance of which all schedules can be tried.
func small(t *rapid.T) cost.Instance {
	i := cost.Instance{
		Billing: cost.Billing{
			Step:    time.Duration(rapid.SampledFrom([]int{1, 5, 15}).Draw(t, "step")) * time.Second,
			Startup: time.Duration(rapid.SampledFrom([]int{0, 3, 10, 30}).Draw(t, "start-up")) * time.Second,
			Drain:   time.Duration(rapid.SampledFrom([]int{0, 2, 10}).Draw(t, "drain")) * time.Second,
			Switch:  rapid.SampledFrom([]float64{0, 7}).Draw(t, "switch"),
		},
		Most:    rapid.IntRange(1, 4).Draw(t, "most"),
		Initial: rapid.IntRange(0, 5).Draw(t, "initial"),
	}
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	var table [][]float64
	for range rapid.IntRange(1, 5).Draw(t, "steps") {
		i.Demand = append(i.Demand, rng.IntN(i.Most+1))
		row := make([]float64, i.Most+1)
		for x := range row {
			row[x] = math.Round(100*rng.Float64()) / 4
		}
		slices.SortFunc(row, func(a, b float64) int { return int(4 * (b - a)) })
		table = append(table, row)
	}
	i.Violations = func(t, x int) float64 { return table[t][x] }
	if rapid.Bool().Draw(t, "limited") {
		least, most := make([]int, len(i.Demand)), make([]int, len(i.Demand))
		for s := range least {
			least[s] = rng.IntN(i.Most + 1)
			most[s] = least[s] + rng.IntN(i.Most+1-least[s])
		}
		i.Range = func(t int) (int, int) { return least[t], most[t] }
	}
	if rapid.Bool().Draw(t, "weighted") {
		i.Weight = func(t int) float64 { return float64(t%3) / 2 }
	}
	return i
}

// every calls visit with all schedules of an instance.
func every(i cost.Instance, visit func(replicas []int)) {
	schedule := make([]int, len(i.Demand))
	var try func(t int)
	try = func(t int) {
		if t == len(schedule) {
			visit(schedule)
			return
		}
		least, most := 0, i.Most
		if i.Range != nil {
			least, most = i.Range(t)
		}
		for x := least; x <= most; x++ {
			schedule[t] = x
			try(t + 1)
		}
	}
	try(0)
}

// paid is [billed] less what is not paid of the steps.
func paid(i cost.Instance, replicas []int) float64 {
	total := billed(i.Billing, replicas, i.Initial)
	for t, x := range replicas {
		if i.Weight != nil {
			total -= float64(x) * i.Step.Seconds() * (1 - i.Weight(t))
		}
	}
	return total
}

func violations(i cost.Instance, replicas []int) (sum float64) {
	for t, x := range replicas {
		sum += i.Violations(t, x)
	}
	return sum
}

func TestBillOfAScheduleIsWhatItsReplicasArePaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := small(t)
		every(i, func(replicas []int) {
			if got, want := i.Cost(replicas), paid(i, replicas); math.Abs(got-want) > 1e-9 {
				t.Fatalf("%+v from %d, %v: got %v replica-seconds, one by one they are paid %v", i.Billing, i.Initial, replicas, got, want)
			}
		})
	})
}

// need is the demand of a step, or the most that may serve.
func need(i cost.Instance, t int) int {
	if i.Range == nil {
		return i.Demand[t]
	}
	_, most := i.Range(t)
	return min(most, i.Demand[t])
}

func TestEveryStepIsTheCheapestThatMeetsTheDemand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := small(t)
		want := math.Inf(1)
		every(i, func(replicas []int) {
			for t, x := range replicas {
				if x < need(i, t) {
					return
				}
			}
			want = min(want, paid(i, replicas))
		})
		got := i.EveryStep()
		for t2, x := range got.Replicas {
			if x < need(i, t2) || x > i.Most {
				t.Fatalf("demand %v: got %v", i.Demand, got.Replicas)
			}
		}
		if paid := paid(i, got.Replicas); math.Abs(paid-want) > 1e-9 || math.Abs(got.Cost-want) > 1e-9 {
			t.Fatalf("%+v from %d, demand %v: got %v for %v (paid %v), the cheapest of all costs %v", i.Billing, i.Initial, i.Demand, got.Replicas, got.Cost, paid, want)
		}
	})
}

// What is found keeps to what is allowed, costs what it says, and the bound is
// one: no schedule with so few violations is cheaper.
func TestEqualViolationsLieBetweenTheBoundAndTheCheapestOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := small(t)
		least, none := math.Inf(1), 0.0
		every(i, func(replicas []int) {
			least, none = min(least, violations(i, replicas)), max(none, violations(i, replicas))
		})
		allowed := least + rapid.Float64Range(0, 1).Draw(t, "slack")*(none-least)
		want := math.Inf(1)
		every(i, func(replicas []int) {
			if violations(i, replicas) <= allowed {
				want = min(want, i.Cost(replicas))
			}
		})
		got, err := i.EqualViolations(allowed)
		if err != nil {
			t.Fatal(err)
		}
		if v := violations(i, got.Replicas); v > allowed || math.Abs(v-got.Violations) > 1e-9 {
			t.Fatalf("%v violate, %v says the schedule, %v may", v, got.Violations, allowed)
		}
		if c := i.Cost(got.Replicas); math.Abs(c-got.Cost) > 1e-9 {
			t.Fatalf("%v costs %v, it says %v", got.Replicas, c, got.Cost)
		}
		if got.Cost < want-1e-9 || got.LowerBound > want+1e-4*want+1e-9 {
			t.Fatalf("bound %v, found %v, the cheapest of all %v", got.LowerBound, got.Cost, want)
		}
	})
}

// At a price that is given the schedule is the cheapest of all when violations
// are convex: found by the same bound being met exactly.
func TestAtAPriceTheScheduleIsTheCheapestOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := small(t)
		convex := i.Violations
		i.Violations = func(t, x int) float64 { // the largest convex function below
			best := convex(t, x)
			for a := range x + 1 {
				for b := x; b <= i.Most; b++ {
					if a < b {
						best = min(best, convex(t, a)+(convex(t, b)-convex(t, a))*float64(x-a)/float64(b-a))
					}
				}
			}
			return best
		}
		price := rapid.Float64Range(0.01, 20).Draw(t, "price")
		want := math.Inf(1)
		every(i, func(replicas []int) {
			want = min(want, i.Cost(replicas)+price*violations(i, replicas))
		})
		if got := cost.NewOracle(i).AtPrice(price); math.Abs(got-want) > 1e-4*want+1e-4 {
			t.Fatalf("at %v: got %v, the cheapest of all is %v", price, got, want)
		}
	})
}

func TestMoreViolationsAllowedAreNeverDearer(t *testing.T) {
	oracle := cost.NewOracle(day(2000, 40))
	before := math.Inf(1)
	for _, allowed := range []float64{200, 1000, 5000, 20000, 100000} {
		s, err := oracle.EqualViolations(allowed)
		if err != nil {
			t.Fatal(err)
		}
		if s.Cost > before || s.Violations > allowed || s.LowerBound > s.Cost {
			t.Errorf("%v allowed: %v violate for %v (at least %v), %v with fewer allowed", allowed, s.Violations, s.Cost, s.LowerBound, before)
		}
		if s.Cost > s.LowerBound*1.001 {
			t.Errorf("%v allowed: cost %v is more than 0.1 %% over the bound %v", allowed, s.Cost, s.LowerBound)
		}
		before = s.Cost
	}
}

func TestTooFewReplicasForWhatIsAllowed(t *testing.T) {
	i := day(100, 3)
	if _, err := i.EqualViolations(0.001); err == nil {
		t.Error("got no error")
	} else {
		t.Log(err)
	}
}

// day is a load that rises and falls with noise, in steps of 15 s, and a share
// that violates of exp(−(x·50 − λ)/20).
func day(steps, most int) cost.Instance {
	i := cost.Instance{
		Billing: cost.Billing{Step: 15 * time.Second, Startup: 30 * time.Second, Drain: 5 * time.Second},
		Most:    most, Initial: most / 3,
	}
	rng := rand.New(rand.NewPCG(1, 0))
	var rates []float64
	for t := range steps {
		rate := float64(most) * 20 * (1 + 0.7*math.Sin(float64(t)/917) + 0.1*rng.NormFloat64())
		rates = append(rates, max(1, rate))
		i.Demand = append(i.Demand, min(most, int(rate/50+2)))
	}
	i.Violations = func(t, x int) float64 {
		return rates[t] * 15 * math.Exp(-max(0, float64(x)*50-rates[t])/20)
	}
	return i
}

func BenchmarkOracle(b *testing.B) {
	i := day(80000, 60)
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			cost.NewOracle(i)
		}
	})
	b.Run("every step", func(b *testing.B) {
		for b.Loop() {
			i.EveryStep()
		}
	})
	o := cost.NewOracle(i)
	b.Run("equal violations", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if _, err := cost.NewOracle(i).EqualViolations(50000); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("asked again", func(b *testing.B) {
		for n := 0.0; b.Loop(); n++ {
			if _, err := o.EqualViolations(50000 + 100*n); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Two short needs of a third replica, a minute apart: to keep it costs 60
// replica-seconds, to drain and start it again 65.
func ExampleInstance_EveryStep() {
	i := cost.Instance{
		Billing: cost.Billing{Step: 15 * time.Second, Startup: 60 * time.Second, Drain: 5 * time.Second},
		Demand:  []int{2, 3, 2, 2, 2, 2, 3, 1}, Most: 5, Initial: 2,
	}
	s := i.EveryStep()
	fmt.Println(s.Replicas, s.Cost)
	// Output: [2 3 3 3 3 3 3 1] 385
}
