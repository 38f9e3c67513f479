package evaluate

import "math"

// Certified is a schedule of the oracle as it was played: what it cost and what
// it violated in the very simulator that judges.
type Certified struct {
	ReplicaHours   float64 `json:"replica_hours"`
	AvoidableRatio float64 `json:"avoidable_violation_ratio"`
	// Of the model: the hours and the ratio it promised.
	ModelHours float64 `json:"model_replica_hours"`
	ModelRatio float64 `json:"model_avoidable_violation_ratio"`
	// Theta is the price of a violation it was made for, in replica-seconds, and
	// Bound the least of replica-seconds + θ·violations of any schedule.
	Theta    float64 `json:"theta"`
	Bound    float64 `json:"bound"`
	Requests float64 `json:"requests"`
}

// oraclePrices is for how many prices of a violation the oracle plans.
const oraclePrices = 8

// prices are the prices of a violation for which the oracle plans, in
// replica-seconds: 2, 8, 32, … times what it takes to serve one request. At the
// first, a request is barely worth being served; at the last, some violations
// in a million are left. Four times the price costs about 3 % more and leaves a
// third of the violations, so that what lies between is a straight line.
func (o *Oracle) prices() []float64 {
	prices := make([]float64, oraclePrices)
	for k := range prices {
		prices[k] = math.Exp2(float64(2*k+1)) / o.scenario.Service.CapacityPerReplica()
	}
	return prices
}

// Clairvoyant is what one who knows the future pays for a case at each ratio of
// avoidable violations, by schedules that were played.
type Clairvoyant struct {
	CaseClairvoyant
	frontier Frontier
}

func newClairvoyant(c CaseClairvoyant) *Clairvoyant {
	var points []Point
	for _, p := range append([]Certified{c.EveryStep}, c.Priced...) {
		points = append(points, Point{Policy: OracleFamily, Knob: p.Theta, Violations: p.AvoidableRatio, ReplicaHours: p.ReplicaHours})
	}
	return &Clairvoyant{CaseClairvoyant: c, frontier: NewFrontier(points)}
}

// ReplicaHours is what the clairvoyant pays at a ratio of avoidable violations,
// by [Frontier.CostAt]: straight lines over the logarithm of the ratio between
// the schedules that were played. Who violates less than the safest one is set
// against it, which flatters the oracle. Beyond the boldest a request is not
// worth being served: there it serves by that schedule for a part of the time
// and with the fewest replicas for the rest, which is straight in the ratio.
func (c *Clairvoyant) ReplicaHours(ratio float64) float64 {
	if len(c.frontier) == 0 {
		return 0
	}
	if boldest := c.frontier[len(c.frontier)-1]; ratio > boldest.Violations {
		given := min(1, (ratio-boldest.Violations)/(1-boldest.Violations))
		return boldest.ReplicaHours + given*min(0, c.LeastReplicaHours-boldest.ReplicaHours)
	}
	if hours, ok := c.frontier.CostAt(ratio); ok {
		return hours
	}
	return c.frontier[0].ReplicaHours
}

// Bound is what no schedule can go below at a ratio of avoidable violations, as
// the model has it: the best of min(cost + θ·violations) − θ·ratio·requests over
// the prices θ (Lagrangian duality).
func (c *Clairvoyant) Bound(ratio float64) float64 {
	best := 0.0
	for _, p := range c.Priced {
		best = max(best, (p.Bound-p.Theta*ratio*p.Requests)/3600)
	}
	return best
}
