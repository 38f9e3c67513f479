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
	// Range, where set, is the fewest and the most that may serve in a step:
	// nothing that is started at the beginning is ready at once.
	Range func(t int) (least, most int)
	// Weight, where set, is how much of a step is paid: none of a gap, say.
	Weight func(t int) float64
}

// limits are the range of a step, within 0 and Most.
func (i Instance) limits(t int) (least, most int) {
	if i.Range == nil {
		return 0, i.Most
	}
	least, most = i.Range(t)
	most = max(0, min(most, i.Most))
	return max(0, min(least, most)), most
}

// length is how many seconds of a step are paid.
func (i Instance) length(t int) float64 {
	if i.Weight == nil {
		return i.Step.Seconds()
	}
	return i.Step.Seconds() * i.Weight(t)
}

// Cost is [Billing.Of] a schedule, its steps weighted.
func (i Instance) Cost(replicas []int) float64 {
	total := i.Of(replicas, i.Initial)
	if i.Weight != nil {
		for t, x := range replicas {
			total += float64(x) * (i.length(t) - i.Step.Seconds())
		}
	}
	return total
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
// the most that may serve where more were needed. A replica is kept through a
// gap between two needs exactly when that costs no more than to drain it and
// start it again.
func (i Instance) EveryStep() Schedule {
	held := i
	held.Range = func(t int) (least, most int) {
		least, most = i.limits(t)
		return max(least, min(most, i.Demand[t])), most
	}
	w := newWalk(held)
	for t := range w.steps {
		w.forward(t, nil, 0)
	}
	w.back()
	s := Schedule{Replicas: w.replicas, Cost: i.Cost(w.replicas), Violations: i.violations(w.replicas)}
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
	walk
	saved []float32 // [t][x]: violations that one replica more than x saves, of the convex hull
	none  float64   // violations of the hull without any replica
	found []found   // by price
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
	o := &Oracle{walk: newWalk(i), saved: make([]float32, len(i.Demand)*i.Most)}
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
func (o *Oracle) solve(price float64) found {
	i, most := o.instance, o.instance.Most
	for t := range o.steps {
		o.forward(t, o.saved[t*most:(t+1)*most], price)
	}
	o.back()
	f := found{price: price, cost: i.Cost(o.replicas), violations: i.violations(o.replicas)}
	kept := o.none // violations of the hull
	for t, x := range o.replicas {
		for _, saved := range o.saved[t*most : t*most+x] {
			kept -= float64(saved)
		}
	}
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
