package evaluate

import (
	"cmp"
	"math"
	"slices"
)

// Point is what one setting of a policy's knob came to on one trace, all seeds
// together.
type Point struct {
	Policy string  `json:"policy"` // with its parameters
	Knob   float64 `json:"knob"`
	// Violations is the share of requests that would have been good with more
	// replicas, ReplicaHours what was paid.
	Violations   float64 `json:"avoidable_violation_ratio"`
	ReplicaHours float64 `json:"replica_hours"`
}

// Frontier is what a policy can be made to do on one trace by its one knob: the
// lower-left convex hull of its points, violations rising and hours falling.
//
//	hours ┤ •
//	      │  ╲   ·           · a setting that another beats, or two in turns
//	      │   • ·
//	      │     ╲──____ •
//	      ┼────────────────► avoidable violations
type Frontier []Point

// leastViolations is what counts as no violation at all where a logarithm is
// taken: one request in a million, fewer than a run shows.
const leastViolations = 1e-6

// NewFrontier returns the frontier of points, which it does not change. Those
// that are no numbers are left out.
func NewFrontier(points []Point) Frontier {
	sorted := slices.DeleteFunc(slices.Clone(points), func(p Point) bool {
		return math.IsNaN(p.Violations) || math.IsNaN(p.ReplicaHours)
	})
	slices.SortStableFunc(sorted, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Violations, b.Violations), cmp.Compare(a.ReplicaHours, b.ReplicaHours))
	})
	var hull Frontier
	for _, p := range sorted {
		if n := len(hull); n > 0 && p.ReplicaHours >= hull[n-1].ReplicaHours {
			continue // more violations and no cheaper
		}
		for len(hull) >= 2 && !turnsLeft(hull[len(hull)-2], hull[len(hull)-1], p) {
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, p)
	}
	return hull
}

// turnsLeft reports whether b lies below the line from a to c (Andrew's
// monotone chain).
func turnsLeft(a, b, c Point) bool {
	return (b.Violations-a.Violations)*(c.ReplicaHours-a.ReplicaHours)-
		(b.ReplicaHours-a.ReplicaHours)*(c.Violations-a.Violations) > 0
}

// CostAt returns the replica-hours at a share v of avoidable violations, by
// straight lines over the logarithm of the violations; none, or hardly any,
// counts as one in a million. Two rules for what was not played:
//
//   - No setting holds v: there is no cost, false.
//   - Every setting holds it: the cost of the cheapest, a number the policy
//     stays below at v.
func (f Frontier) CostAt(v float64) (hours float64, ok bool) {
	v = max(v, leastViolations)
	if len(f) == 0 || f[0].Violations > v {
		return 0, false
	}
	for i := 1; i < len(f); i++ {
		if f[i].Violations <= v {
			continue
		}
		from, to := logViolations(f[i-1].Violations), logViolations(f[i].Violations)
		share := 0.0
		if to > from {
			share = (logViolations(v) - from) / (to - from)
		}
		return f[i-1].ReplicaHours + share*(f[i].ReplicaHours-f[i-1].ReplicaHours), true
	}
	return f[len(f)-1].ReplicaHours, true
}

func logViolations(v float64) float64 { return math.Log(max(v, leastViolations)) }

// Hypervolume is the part of the plane that the points of the frontier
// dominate, 0 to 1: logarithm of violations from one in a million to worst, and
// hours from 0 to most. What costs or violates more adds nothing (Zitzler and
// Thiele 1998).
func (f Frontier) Hypervolume(worst, most float64) float64 {
	least := math.Log(leastViolations)
	wide := math.Log(worst) - least
	if !(wide > 0) || !(most > 0) {
		return 0
	}
	volume := 0.0
	for i, p := range f {
		from, to := logViolations(p.Violations), math.Log(worst)
		if i+1 < len(f) {
			to = min(to, logViolations(f[i+1].Violations))
		}
		volume += max(0, to-from) / wide * max(0, 1-p.ReplicaHours/most)
	}
	return volume
}

// Pool puts the runs of each policy together over seeds: violations of all
// their requests, hours on average. The runs must be of one trace; the points
// come in the order of the policies' first runs.
func Pool(runs []Run) []Point {
	var points []Point
	requests, seeds := []float64{}, []float64{}
	index := map[string]int{}
	for _, r := range runs {
		i, known := index[r.Policy]
		if !known {
			i = len(points)
			index[r.Policy] = i
			points = append(points, Point{Policy: r.Policy, Knob: r.Knob})
			requests, seeds = append(requests, 0), append(seeds, 0)
		}
		points[i].Violations += r.AvoidableViolationRatio * r.Requests
		points[i].ReplicaHours += r.ReplicaHours
		requests[i], seeds[i] = requests[i]+r.Requests, seeds[i]+1
	}
	for i := range points {
		if requests[i] > 0 {
			points[i].Violations /= requests[i]
		}
		points[i].ReplicaHours /= seeds[i]
	}
	return points
}

// ByTrace splits runs, keeping their order, and lists the traces in order of
// appearance.
func ByTrace(runs []Run) (traces []string, of map[string][]Run) {
	of = map[string][]Run{}
	for _, r := range runs {
		if _, known := of[r.Trace]; !known {
			traces = append(traces, r.Trace)
		}
		of[r.Trace] = append(of[r.Trace], r)
	}
	return traces, of
}
