package evaluate

import (
	"math"
	"slices"
	"time"

	"github.com/flyball-io/flyball/cost"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// Oracle knows the expected rate of the whole scenario beforehand and what each
// number of replicas would make of it. It finds the schedule that costs least,
//
//	Σ_t Δ·x_t + θ·Σ_t λ_t·Δ·avoidable(x_t, λ_t) + lead·Σ_t (x_t − x_{t−1})⁺
//
// in replica-seconds: the replicas, a price θ for each avoidable violation, and
// for each replica added the time it is paid for before it is ready. It begins
// with the scenario's initial count like everybody, and nothing that it starts
// is ready before lead, the time a start takes. It knows rates, not arrivals,
// and is bound to no clock of decisions: a replica is ready at the very instant
// its step begins.
//
// The model takes every step for settled: without capacity for the rate all
// requests violate. What the schedule is really worth is told by playing it.
type Oracle struct {
	scenario *sim.Scenario
	demand   *Demand
	curve    *queueing.Curve
	spans    []workload.Span // that are scored
	lead     time.Duration
	most     int
	shares   [][]float32 // avoidable share by step and count; equal rates share a row
	seconds  []float64   // of each step that are scored
	counts   []float64   // of each step that the plan reckons with
}

// leastRatio is the avoidable violation ratio below which the oracle makes no
// difference: one in a million.
const leastRatio = leastViolations

func newOracle(s *sim.Scenario, d *Demand, curve *queueing.Curve) *Oracle {
	o := &Oracle{scenario: s, demand: d, curve: curve, spans: scoredSpans(s), lead: s.Replicas.Pending + s.Replicas.Startup}
	peak := slices.Max(d.Busiest)
	for o.most = 1; o.most < s.Replicas.Max && curve.Avoidable(o.most, peak, 0) > leastRatio; {
		o.most++
	}
	o.most = min(max(o.most, s.Replicas.Initial, slices.Max(d.Replicas)), s.Replicas.Max)
	rows := map[float64][]float32{}
	for _, rate := range d.Busiest {
		rate = roundedUp(rate)
		row, ok := rows[rate]
		if !ok {
			row = o.row(rate)
			rows[rate] = row
		}
		o.shares = append(o.shares, row)
	}
	o.weigh()
	return o
}

// weigh tells how much of each step counts. Gaps cost nothing; the warm-up
// counts like the rest, so that no backlog is carried into what is scored.
func (o *Oracle) weigh() {
	for k := range o.demand.Rates {
		from := time.Duration(k) * o.demand.Step
		to := min(from+o.demand.Step, o.scenario.Length())
		scored := o.scoredWithin(from, to).Seconds()
		o.seconds = append(o.seconds, scored)
		if to <= o.scenario.Warmup {
			scored = (to - from).Seconds()
		}
		o.counts = append(o.counts, scored)
	}
}

// roundedUp is a rate to the next 1/2048th, so that steps of nearly the same
// rate share a row.
func roundedUp(rate float64) float64 {
	fraction, exponent := math.Frexp(rate)
	return math.Ldexp(math.Ceil(fraction*4096)/4096, exponent)
}

// row is the avoidable share at a rate by the number of replicas.
func (o *Oracle) row(rate float64) []float32 {
	row := make([]float32, o.most+1)
	for x := range row {
		if rate > 0 {
			row[x] = float32(o.curve.Avoidable(x, rate, 0))
		}
		if rate >= float64(x)*o.scenario.Service.CapacityPerReplica() && rate > 0 {
			row[x] = float32(1 - o.curve.Intrinsic())
		}
	}
	return row
}

// Plan is a schedule, and what the model makes of it in the scored time.
type Plan struct {
	Schedule Schedule
	// ReplicaHours are paid, Violations expected of Requests.
	ReplicaHours, Violations, Requests float64
	// bound is the least of replica-seconds plus θ·violations of any schedule.
	bound, theta float64
}

// EveryStep is the cheapest schedule that meets the demand at every step.
func (o *Oracle) EveryStep() Plan {
	return o.plan(0, func(k, x int) bool {
		need := min(o.demand.Replicas[k], o.scenario.Replicas.Max)
		if o.early(k) {
			need = min(need, o.scenario.Replicas.Initial)
		}
		return x >= need
	})
}

// AtPrice is the cheapest schedule when each avoidable violation costs θ
// replica-seconds.
func (o *Oracle) AtPrice(theta float64) Plan {
	return o.plan(theta, func(int, int) bool { return true })
}

// early reports whether nothing that is started can be ready in a step.
func (o *Oracle) early(k int) bool { return time.Duration(k)*o.demand.Step < o.lead }

// plan finds the cheapest schedule with counts that are allowed.
func (o *Oracle) plan(theta float64, allowed func(k, x int) bool) Plan {
	s, d := o.scenario, o.demand
	low, beta := min(s.Replicas.Min, o.most), o.lead.Seconds()
	f := func(k, x int) float64 {
		if x < low || o.early(k) && x > s.Replicas.Initial || !allowed(k, x) {
			return math.Inf(1)
		}
		return o.counts[k] * (float64(x) + theta*d.Rates[k]*float64(o.shares[k][x]))
	}
	schedule, total := cost.Clairvoyant(len(d.Rates), o.most, s.Replicas.Initial, beta, f)
	p := Plan{Schedule: Schedule{Step: d.Step, Lead: o.lead, Initial: s.Replicas.Initial, Replicas: schedule}, theta: theta, bound: total}
	before := s.Replicas.Initial
	for k, x := range schedule {
		at, seconds := time.Duration(k)*d.Step, o.seconds[k]
		p.Requests += d.Rates[k] * seconds
		p.Violations += d.Rates[k] * seconds * float64(o.shares[k][x])
		p.ReplicaHours += (float64(x)*seconds + float64(max(0, x-before))*o.scoredWithin(at-o.lead, at).Seconds()) / 3600
		before = x
	}
	if from := int(s.Warmup / d.Step); from > 0 {
		// The bound is on what is scored: whatever was before may have been free.
		_, p.bound = cost.Clairvoyant(len(d.Rates)-from, o.most, o.most, beta, func(k, x int) float64 {
			if o.seconds[from+k] == 0 && x >= low {
				return 0
			}
			return f(from+k, x)
		})
	}
	return p
}

// scoredWithin is how much of the time from one instant to another is scored.
func (o *Oracle) scoredWithin(from, to time.Duration) time.Duration {
	total := time.Duration(0)
	for _, span := range o.spans {
		total += max(0, min(span.To, to)-max(span.From, from))
	}
	return total
}
