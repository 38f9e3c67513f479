package cost

import (
	"fmt"
	"math"
	"slices"
)

// Instance is a load of which the future is known, and what replicas cost.
type Instance struct {
	Billing
	// Demand is the fewest replicas that meet the objective, step by step.
	Demand []int
	// Violations is how many requests are expected to violate in step t with x
	// replicas that serve. It falls with x.
	Violations func(t, x int) float64
	// Most replicas may serve; Initial serve before the first step.
	Most, Initial int
}

// Schedule is how many replicas serve in each step, and what comes of it.
type Schedule struct {
	Replicas   []int
	Cost       float64 // replica-seconds, see [Billing]
	Violations float64 // expected requests
	// LowerBound is what every schedule costs at least that serves the same
	// purpose: meets each step's demand, or has as few violations as allowed.
	LowerBound float64
}

// EveryStep is the cheapest schedule with at least the demand in every step, or
// Most where more were needed.
//
// Each level of replicas stands alone: the k-th is needed where d_t ≥ k. It is
// kept through a gap between two needs exactly when that costs no more than to
// drain it and start it again.
func (i Instance) EveryStep() Schedule {
	n := len(i.Demand)
	change := make([]int, n+1) // of the count at a step
	need, last := min(i.Most, i.Initial), i.lastNeeds()
	for t, demand := range i.Demand {
		demand = min(demand, i.Most)
		for k := demand; k < need; k++ {
			last[k] = t
		}
		for k := need; k < demand; k++ {
			if gap := t - last[k]; last[k] >= 0 && float64(gap)*i.Step.Seconds() <= i.up()+i.down() {
				change[last[k]]++ // taken back: it never went
			} else {
				change[t]++
			}
		}
		change[t] -= max(0, need-demand)
		need = demand
	}
	i.keepToTheEnd(change, last, need)
	return i.schedule(change)
}

// lastNeeds holds, for each level above the first step's start, from where it
// is no longer needed; −1 when it was never there.
func (i Instance) lastNeeds() []int {
	last := make([]int, max(i.Most, i.Initial))
	for k := range last {
		last[k] = -1
	}
	return last
}

// keepToTheEnd keeps what would only just have been drained when all ends.
func (i Instance) keepToTheEnd(change, last []int, need int) {
	n := len(i.Demand)
	for k := need; k < len(last); k++ {
		if last[k] >= 0 && float64(n-last[k])*i.Step.Seconds() < i.down() {
			change[last[k]]++
		}
	}
}

func (i Instance) schedule(change []int) Schedule {
	s := Schedule{Replicas: make([]int, len(i.Demand))}
	x := min(i.Most, i.Initial)
	for t := range s.Replicas {
		x += change[t]
		s.Replicas[t] = x
	}
	s.Cost = i.Of(s.Replicas, i.Initial)
	s.Violations = i.violations(s.Replicas)
	s.LowerBound = s.Cost
	return s
}

func (i Instance) violations(replicas []int) float64 {
	if i.Violations == nil {
		return 0
	}
	sum := 0.0
	for t, x := range replicas {
		sum += i.Violations(t, x)
	}
	return sum
}

// EqualViolations is [Oracle.EqualViolations] for one question.
func (i Instance) EqualViolations(allowed float64) (Schedule, error) {
	return NewOracle(i).EqualViolations(allowed)
}

// Oracle answers for the cheapest schedules of one instance at any number of
// violations. It keeps the table of violations, 4 bytes per step and replica,
// and what it has found. One owner calls it.
type Oracle struct {
	instance Instance
	steps    int
	saved    []float32 // [t][x]: violations that one replica more than x saves, of the convex hull
	none     float64   // violations of the hull without any replica
	slopes   []float64
	low      []int32 // by step: the count below which one more paid in any case
	high     []int32 // and from which one more did not pay its start
	replicas []int   // the schedule solved last
	found    []found // by price
}

// found is the cheapest schedule at one price of a violation.
type found struct {
	price      float64
	cost       float64
	violations float64
	dual       float64 // cost + price · violations of the hull
}

// NewOracle makes the table.
func NewOracle(i Instance) *Oracle {
	o := &Oracle{instance: i, steps: len(i.Demand)}
	o.saved = make([]float32, o.steps*i.Most)
	o.slopes = make([]float64, i.Most)
	o.low, o.high, o.replicas = make([]int32, o.steps), make([]int32, o.steps), make([]int, o.steps)
	values, corners := make([]float64, i.Most+1), make([]int32, i.Most+1)
	for t := range o.steps {
		for x := range values {
			values[x] = i.Violations(t, x)
		}
		hull(values, corners)
		o.none += values[0]
		for x := range i.Most {
			o.saved[t*i.Most+x] = float32(values[x] - values[x+1])
		}
	}
	return o
}

// EqualViolations is the cheapest schedule found with at most so many expected
// violations: the least price θ of a violation is looked for at which the
// schedule of the least Σ cost + θ·violations has no more. By duality that
// sum less θ·allowed is a lower bound of what any schedule costs with so few
// violations; violations count there by their convex hull, which is never more.
func (o *Oracle) EqualViolations(allowed float64) (Schedule, error) {
	if !(allowed >= 0) {
		return Schedule{}, fmt.Errorf("oracle: allowed violations must be at least 0, got %v", allowed)
	}
	low, high, err := o.bracket(allowed)
	if err != nil {
		return Schedule{}, err
	}
	const near, full = 1e-4, 0.999
	for turn := 0; high/low > 1+near; turn++ {
		if over, under := o.at(low).violations, o.at(high).violations; under >= full*allowed {
			break
		} else if middle := guess(low, high, over, under, allowed, turn); o.at(middle).violations <= allowed {
			high = middle
		} else {
			low = middle
		}
	}
	return o.best(allowed), nil
}

// guess is where violations cross what is allowed if their logarithm is straight
// in that of the price, well inside of the bracket; every third time its middle.
func guess(low, high, over, under, allowed float64, turn int) float64 {
	share := 0.5
	if turn%3 < 2 && under > 0 && over > allowed {
		share = min(0.98, max(0.02, math.Log(over/allowed)/math.Log(over/under)))
	}
	return low * math.Pow(high/low, share)
}

// bracket finds prices at which there are too many violations and few enough,
// from what is known or by steps of 8.
func (o *Oracle) bracket(allowed float64) (low, high float64, err error) {
	const least, most = 1e-12, 1e15
	low, high = 0, math.Inf(1)
	for _, f := range o.found {
		if f.violations > allowed {
			low = max(low, f.price)
		} else {
			high = min(high, f.price)
		}
	}
	for price := max(1, low*8); math.IsInf(high, 1); price *= 8 {
		if o.at(price).violations <= allowed {
			high = price
		} else if low = price; price > most {
			return 0, 0, fmt.Errorf("oracle: with %d replicas all the time %.4g requests violate, %.4g may", o.instance.Most, o.at(price).violations, allowed)
		}
	}
	for price := high / 8; low == 0; price /= 8 {
		if price < least || o.at(price).violations > allowed {
			low = price
		} else {
			high = price
		}
	}
	return low, max(low, high), nil
}

// at is the cheapest schedule at a price, remembered.
func (o *Oracle) at(price float64) *found {
	place, known := slices.BinarySearchFunc(o.found, price, func(f found, p float64) int {
		switch {
		case f.price < p:
			return -1
		case f.price > p:
			return 1
		}
		return 0
	})
	if !known {
		o.found = slices.Insert(o.found, place, o.solve(price))
	}
	return &o.found[place]
}

// AtPrice is the least Σ cost + price·violations of any schedule, in
// replica-seconds, with violations counted by their convex hull.
func (o *Oracle) AtPrice(price float64) float64 { return o.at(price).dual }

// solve finds the schedule of the least Σ cost + price·violations.
//
// Let C_t(x) be the least cost of a schedule that ends in x, draining charged
// with the start. It is convex, so its slopes s_t(x) = C_t(x+1) − C_t(x) say
// all. To change x between steps costs nothing downwards and β upwards, which
// clips the slopes to [0, β] (Lin et al. 2011):
//
//	s_t(x) = Step − θ·saved_t(x) + min(max(s_{t−1}(x), 0), β)
//
// Looking back, the best count before x is x itself unless that lies outside
// of what was worth having: x_{t−1} = clamp(x_t, low, high), with s < 0 below
// low and s < β below high.
func (o *Oracle) solve(price float64) found {
	beta := o.instance.up() + o.instance.down()
	low := min(o.instance.Initial, o.instance.Most)
	high := low // before the first step slopes are 0 below, β above
	for t := range o.steps {
		o.step(t, price, beta, low, high)
		low = below(o.slopes, 0)
		high = low + below(o.slopes[low:], beta)
		o.low[t], o.high[t] = int32(low), int32(high)
	}
	return o.lookBack(price)
}

func (o *Oracle) step(t int, price, beta float64, low, high int) {
	most, length := o.instance.Most, o.instance.Step.Seconds()
	saved := o.saved[t*most : (t+1)*most]
	slopes := o.slopes[:len(saved)]
	for x := range low {
		slopes[x] = length - price*float64(saved[x])
	}
	if t > 0 {
		for x := low; x < high; x++ {
			slopes[x] += length - price*float64(saved[x])
		}
	}
	for x := high; x < len(slopes); x++ {
		slopes[x] = length + beta - price*float64(saved[x])
	}
}

// below is how many of the growing slopes are under a limit.
func below(slopes []float64, limit float64) int {
	low, high := 0, len(slopes)
	for low < high {
		if middle := int(uint(low+high) >> 1); slopes[middle] < limit {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// lookBack follows the cheapest schedule from its end.
func (o *Oracle) lookBack(price float64) found {
	i, most := o.instance, o.instance.Most
	f := found{price: price}
	kept := o.none // violations of the hull
	// Draining was charged with the start. It does not happen to those left at
	// the end.
	x := below(o.slopes, i.down())
	for t := o.steps - 1; t >= 0; t-- {
		if t < o.steps-1 {
			x = min(max(x, int(o.low[t])), int(o.high[t]))
		}
		o.replicas[t] = x
		f.violations += i.Violations(t, x)
		for _, saved := range o.saved[t*most : t*most+x] {
			kept -= float64(saved)
		}
	}
	f.cost = i.Of(o.replicas, i.Initial)
	f.dual = f.cost + price*kept
	return f
}

// best is the cheapest schedule found with at most so many violations.
func (o *Oracle) best(allowed float64) Schedule {
	best, bound := found{cost: math.Inf(1)}, 0.0
	for _, f := range o.found {
		bound = max(bound, f.dual-f.price*allowed)
		if f.violations <= allowed && f.cost < best.cost {
			best = f
		}
	}
	o.solve(best.price)
	return Schedule{Replicas: slices.Clone(o.replicas), Cost: best.cost, Violations: best.violations, LowerBound: min(bound, best.cost)}
}
