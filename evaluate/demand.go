package evaluate

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// demandStep is the width of the steps in which the demand is told, where
// decisions are not taken more often.
const demandStep = 15 * time.Second

// Demand is what a load demands over time: the fewest replicas that meet the
// objective at the expected rate, step by step. It is what the supply of every
// policy is held against.
//
//	d_t = min { x : avoidable(x, rate of step t) ≤ 1 − objective's target }
//
// The rate is the mean of the step. The demand is never below the minimum of
// replicas, which nobody may go below, but may well be above the maximum: then
// the scenario is under-provisioned whoever scales it, and the scores say so.
type Demand struct {
	Step     time.Duration
	Rates    []float64 // requests per second
	Replicas []int
}

// At is the demand at an instant.
func (d *Demand) At(t time.Duration) int {
	return d.Replicas[min(int(t/d.Step), len(d.Replicas)-1)]
}

// newDemand returns the demand of a valid scenario, and the curve of its service.
func newDemand(s *sim.Scenario, known *curves) (*Demand, *queueing.Curve, error) {
	d := &Demand{Step: min(demandStep, s.Sync)}
	d.Rates = rates(s.Load, d.Step)
	peak, share := 0.0, 1-s.Objective.Target
	for _, rate := range d.Rates {
		peak = max(peak, rate)
	}
	curve, err := known.curve(s, peak, share)
	if err != nil {
		return nil, nil, err
	}
	d.Replicas = make([]int, len(d.Rates))
	for i, rate := range d.Rates {
		if i > 0 && rate == d.Rates[i-1] {
			d.Replicas[i] = d.Replicas[i-1]
			continue
		}
		n, err := curve.Demand(rate, share)
		if err != nil {
			return nil, nil, fmt.Errorf("demand at %v: %w", time.Duration(i)*d.Step, err)
		}
		d.Replicas[i] = max(n, s.Replicas.Min)
	}
	return d, curve, nil
}

// curves are those that were worked out; cases of one service share theirs.
type curves struct {
	mu    sync.Mutex // guards known, and is held while one is worked out
	known map[string]*queueing.Curve
}

// curve returns the curve of a scenario's service, up to as many replicas as
// there may be and as hold a share at the peak rate.
func (c *curves) curve(s *sim.Scenario, peak, share float64) (*queueing.Curve, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	least := peak / s.Service.CapacityPerReplica()
	for most := max(int(math.Ceil(1.5*least))+8, s.Replicas.Max, s.Replicas.Initial); most < 1<<20; most *= 2 {
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
	length := load.Duration()
	r := make([]float64, (length+step-1)/step)
	before := 0.0
	for i := range r {
		to := min(time.Duration(i+1)*step, length)
		after := load.Expected(to)
		r[i] = max(0, after-before) / (to - time.Duration(i)*step).Seconds()
		before = after
	}
	return r
}

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
