package evaluate

import (
	"slices"
	"time"

	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

const (
	// stepWithin is how quickly a demand rises that is called a step.
	stepWithin = time.Minute
	// overshootFor is how long after a step the supply is watched.
	overshootFor = 10 * time.Minute
)

// steps are the instants at which the demand has stepped up: it is a fifth or
// more above its least of the minute before. A rise that goes on is the next
// step when it is a fifth above the last one. They follow from the demand
// alone, so all policies are asked about the same.
//
//	demand  10 10 11 12 13 14 15 15     12 ≥ 1.2·10, 15 ≥ 1.2·12
//	step             ▲        ▲
func (d *Demand) steps(span workload.Span) []time.Duration {
	var steps []time.Duration
	look := max(1, int(stepWithin/d.Step))
	from := int((span.From + d.Step - 1) / d.Step)
	for k := from + 1; time.Duration(k)*d.Step < span.To && k < len(d.Replicas); k++ {
		least := slices.Min(d.Replicas[max(from, k-look):k])
		if n := d.Replicas[k]; n > least && 5*n >= 6*least {
			steps = append(steps, time.Duration(k)*d.Step)
			from = k
		}
	}
	return steps
}

// know finds the steps of spans once for all.
func (d *Demand) know(spans []workload.Span) {
	d.known = map[workload.Span][]time.Duration{}
	for _, span := range spans {
		d.known[span] = d.steps(span)
	}
}

// stepsOf are the steps of a span, found before or now.
func (d *Demand) stepsOf(span workload.Span) []time.Duration {
	if steps, known := d.known[span]; known {
		return steps
	}
	return d.steps(span)
}

// scoreSteps fills in how a run answers steps of the demand. Its reaction to
// one is the time until the ready replicas meet the demand as it is then; where
// that never happens, until the scoring ends. Its overshoot is the most ready
// replicas over the most demanded, less one and at least 0, from the step to
// the next one, for ten minutes at most. Both are medians over the steps.
func (r *Run) scoreSteps(scored []workload.Span, d *Demand, changes []sim.Change) {
	var reactions, overshoots []float64
	for _, span := range scored {
		steps := d.stepsOf(span)
		reactions = append(reactions, reactionsTo(steps, span, d, changes)...)
		for i, at := range steps {
			to := min(span.To, at+overshootFor)
			if i+1 < len(steps) {
				to = min(to, steps[i+1])
			}
			overshoots = append(overshoots, overshoot(workload.Span{From: at, To: to}, d, changes))
		}
	}
	if len(reactions) > 0 {
		r.ReactionSeconds = new(median(reactions))
		r.OvershootRatio = median(overshoots)
	}
	r.DemandSteps = len(reactions)
}

func reactionsTo(steps []time.Duration, span workload.Span, d *Demand, changes []sim.Change) []float64 {
	var reactions []float64
	open := steps
	answer := func(at time.Duration) {
		for len(open) > 0 && open[0] <= at {
			reactions = append(reactions, (at - open[0]).Seconds())
			open = open[1:]
		}
	}
	for s := range stretches([]workload.Span{span}, d, changes) {
		if s.Ready >= s.demand {
			answer(s.from)
		}
	}
	answer(span.To)
	return reactions
}

func overshoot(span workload.Span, d *Demand, changes []sim.Change) float64 {
	most, demanded := 0, 1
	for s := range stretches([]workload.Span{span}, d, changes) {
		most, demanded = max(most, s.Ready), max(demanded, s.demand)
	}
	return max(0, float64(most)/float64(demanded)-1)
}
