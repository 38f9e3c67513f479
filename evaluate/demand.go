package evaluate

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// Demand is what a load demands over time: the fewest replicas that meet the
// objective at the expected rate, step by step. It is what the supply of every
// policy is held against.
//
//	d_t = min { x : avoidable(x, rate of step t) ≤ 1 − objective's target }
//
// The rate is that of the step's busiest second: a jump in the middle of a step
// is a jump, and more than a second's surplus is a line that violates long
// after. Bins of traces are aligned with steps, so theirs is the mean of the bin.
//
// The demand is never below the minimum of replicas, which nobody may go below,
// but may well be above the maximum: then the scenario is under-provisioned
// whoever scales it, and the scores say so.
type Demand struct {
	Step     time.Duration
	Rates    []float64 // mean requests per second
	Busiest  []float64 // those of the busiest second
	Replicas []int
	// until is the step at which the demand changes next; their number: never.
	until []int32
	// known are the steps of spans that many runs are asked about.
	known map[workload.Span][]time.Duration
}

// stepFor is the width of the steps for a length: a second for a day, more for
// longer ones, so that a clairvoyant has time to think.
func stepFor(length time.Duration) time.Duration {
	for _, step := range []time.Duration{time.Second, 3 * time.Second, 5 * time.Second} {
		if length <= 100_000*step {
			return step
		}
	}
	return sampleStep
}

// sampleStep is a multiple of all steps.
const sampleStep = 15 * time.Second

// At is the demand at an instant.
func (d *Demand) At(t time.Duration) int { return d.Replicas[d.index(t)] }

func (d *Demand) index(t time.Duration) int { return min(int(t/d.Step), len(d.Replicas)-1) }

// change is when the demand changes next after an instant, if ever.
func (d *Demand) change(t time.Duration) time.Duration {
	if k := d.until[d.index(t)]; int(k) < len(d.Replicas) {
		return time.Duration(k) * d.Step
	}
	return math.MaxInt64
}

// setReplicas takes over the demand of each step.
func (d *Demand) setReplicas(n []int) {
	d.Replicas, d.until = n, make([]int32, len(n))
	for k := len(n) - 1; k >= 0; k-- {
		d.until[k] = int32(len(n))
		if k+1 < len(n) {
			d.until[k] = d.until[k+1]
			if n[k+1] != n[k] {
				d.until[k] = int32(k + 1)
			}
		}
	}
}

// newDemand returns the demand of a valid scenario, and the curve of its service.
func newDemand(s *sim.Scenario, known *curves) (*Demand, *queueing.Curve, error) {
	d := &Demand{Step: stepFor(s.Length())}
	d.measure(s.Load)
	share := 1 - s.Objective.Target
	curve, err := known.curve(s, slices.Max(d.Busiest), share)
	if err != nil {
		return nil, nil, err
	}
	replicas := make([]int, len(d.Busiest))
	for i, rate := range d.Busiest {
		if i > 0 && rate == d.Busiest[i-1] {
			replicas[i] = replicas[i-1]
			continue
		}
		n, err := curve.Demand(rate, share)
		if err != nil {
			return nil, nil, fmt.Errorf("demand at %v: %w", time.Duration(i)*d.Step, err)
		}
		replicas[i] = max(n, s.Replicas.Min)
	}
	d.setReplicas(replicas)
	return d, curve, nil
}

// curves are those that were worked out; cases of one service share theirs.
type curves struct {
	mu    sync.Mutex // guards known, and is held while one is worked out
	known map[string]*queueing.Curve
}

// curve returns the curve of a scenario's service, up to as many replicas as
// there may be and as hold a share at the peak rate. Far more than the load could
// ever use are all the same.
func (c *curves) curve(s *sim.Scenario, peak, share float64) (*queueing.Curve, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	least := peak / s.Service.CapacityPerReplica()
	useful := max(sim.Default().Replicas.Max, int(math.Ceil(8*least)))
	for most := max(int(math.Ceil(1.5*least))+8, min(max(s.Replicas.Max, s.Replicas.Initial), useful)); most < 1<<20; most *= 2 {
		curve, err := c.upTo(s, most)
		if err != nil || curve.Avoidable(most, peak, 0) <= share {
			return curve, err
		}
	}
	return nil, fmt.Errorf("no number of replicas keeps %.3g %% of %.4g requests/s: %w", 100*(1-share), peak, queueing.ErrInfeasible)
}

func (c *curves) upTo(s *sim.Scenario, most int) (*queueing.Curve, error) {
	key := fmt.Sprintln(serviceKey(s.Service), s.Objective.Threshold, most)
	if curve, known := c.known[key]; known {
		return curve, nil
	}
	curve, err := queueing.NewCurve(s.Service, s.Objective.Threshold.Std().Seconds(), most)
	if err != nil {
		return nil, err
	}
	if c.known == nil {
		c.known = map[string]*queueing.Curve{}
	}
	c.known[key] = curve
	return curve, nil
}

func curveFor(s *sim.Scenario, peak, share float64) (*queueing.Curve, error) {
	return new(curves).curve(s, peak, share)
}

// rates returns the mean rate of each step of a load; the last may be shorter.
func rates(load workload.Shape, step time.Duration) []float64 {
	d := &Demand{Step: step}
	d.measure(load)
	return d.Rates
}

// measure fills in the rates of each step of a load; the last may be shorter.
func (d *Demand) measure(load workload.Shape) {
	length := load.Duration()
	steps := (length + d.Step - 1) / d.Step
	d.Rates, d.Busiest = make([]float64, steps), make([]float64, steps)
	before := 0.0
	for i := range d.Rates {
		from, began := time.Duration(i)*d.Step, before
		end := min(from+d.Step, length)
		for at := from; at < end; at += time.Second {
			to := min(at+time.Second, end)
			after := load.Expected(to)
			d.Busiest[i] = max(d.Busiest[i], rounded((after-before)/(to-at).Seconds()))
			before = after
		}
		d.Rates[i] = max(0, before-began) / (end - from).Seconds()
	}
}

// rounded is a rate without what differences of large sums leave behind.
func rounded(rate float64) float64 { return math.Round(rate*1e6) / 1e6 }

// scoredSpans are the parts of a scenario that are scored, in order.
func scoredSpans(s *sim.Scenario) []workload.Span {
	var spans []workload.Span
	from := s.Warmup
	for _, gap := range s.Gaps {
		if gap.From > from {
			spans = append(spans, workload.Span{From: from, To: gap.From})
		}
		from = max(from, gap.To)
	}
	if from < s.Length() {
		spans = append(spans, workload.Span{From: from, To: s.Length()})
	}
	return spans
}

// expectedRequests is how many requests are expected in the scored time.
func expectedRequests(s *sim.Scenario) float64 {
	n := 0.0
	for _, span := range scoredSpans(s) {
		n += s.Load.Expected(span.To) - s.Load.Expected(span.From)
	}
	return n
}
