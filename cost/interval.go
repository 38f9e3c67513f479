package cost

import "math"

// Interval is what a stretch of time costs by the number of replicas that are
// there, in replica-seconds: the replicas, and a price for each request that is
// expected to be answered late although its service would have been in time.
//
//	f(x) = seconds·x + price · hull(expected avoidable violations)(x)
//
// The violations are taken for their lower convex hull: with few replicas all
// requests violate, however many there are, and one more saves nothing; the hull
// counts it as its share of those that together do. A policy may mix counts over
// time, so nothing cheaper than the hull can be forbidden, and nothing dearer
// can be promised (methods.md 2.3).
//
// Every replica has a slope, what it adds to the cost. Slopes never fall with
// the number, and from some number on they are the price of a replica alone. The
// zero value costs nothing.
type Interval struct {
	empty  float64 // f(0)
	slopes []run   // by number, without the last ones
	after  float64 // slope of all beyond
}

// run is a number of replicas in a row that have one slope.
type run struct {
	replicas int
	slope    float64
}

// Terms are what an interval is priced by.
type Terms struct {
	Seconds float64 `json:"seconds"` // how long it is
	Rate    float64 `json:"rate"`    // of requests, per second
	// Violation is the price of an avoidable violation in replica-seconds.
	Violation float64 `json:"violation"`
	// PerReplica is how many requests per second one replica carries, and so the
	// most that one more can save.
	PerReplica float64 `json:"perReplica"`
}

// Service says what becomes of requests: the share of those arriving at a rate
// that violate though they need not, by the number of replicas, with a backlog of
// so many that wait already.
type Service interface {
	Avoidable(replicas int, rate, backlog float64) float64
}

// mattering is the least that all replicas beyond can save, in replicas, to be
// looked at: a thousandth of one.
const mattering = 1e-3

// widest is how many replicas beyond the bare capacity are looked at: the first
// ones one by one, then in steps of a sixteenth.
const widest = 4096

// Set prices the interval. Terms that make no sense price nothing. It keeps its
// memory: in steady state nothing is allocated.
func (i *Interval) Set(t Terms, s Service) {
	i.slopes, i.after, i.empty = i.slopes[:0], 0, 0
	if !within(t.Seconds) {
		return
	}
	i.after = t.Seconds
	worth := t.Violation * t.Rate // of all requests of a second
	if !within(t.Rate) || !within(t.Violation) || worth == 0 || !(t.PerReplica > t.Rate/1e9) {
		return
	}
	all := s.Avoidable(0, t.Rate, 0)
	if !(all >= 0 && all <= 1) {
		return
	}
	i.empty = t.Seconds * worth * all
	carried := int(math.Floor(t.Rate / t.PerReplica)) // so many carry no more than the rate: all violate
	i.push(carried, 0)
	before := all
	for beyond, step := 0, 1; beyond < widest && worth*before > mattering; step = max(1, beyond/16) {
		beyond += step
		share := s.Avoidable(carried+beyond, t.Rate, 0)
		if !(share >= 0 && share < before) { // what is no share saves nothing
			share = before
		}
		i.push(step, worth*(share-before)/float64(step))
		before = share
	}
	steepest := t.Violation * t.PerReplica
	for k := range i.slopes {
		i.slopes[k].slope = t.Seconds * (1 + max(i.slopes[k].slope, -steepest))
	}
}

// within reports whether v can be reckoned with: a number at least 0, not beyond
// all measure.
func within(v float64) bool { return v >= 0 && v <= 1e12 }

// push adds replicas that save something and merges them with those before
// until slopes grow: what is left is the lower convex hull (pool adjacent
// violators).
func (i *Interval) push(replicas int, slope float64) {
	if replicas == 0 {
		return
	}
	for n := len(i.slopes); n > 0 && i.slopes[n-1].slope >= slope; n-- {
		last := i.slopes[n-1]
		sum := float64(last.replicas)*last.slope + float64(replicas)*slope
		replicas += last.replicas
		slope = sum / float64(replicas)
		i.slopes = i.slopes[:n-1]
	}
	i.slopes = append(i.slopes, run{replicas, slope})
}

// Of returns what the interval costs with x replicas.
func (i *Interval) Of(x int) float64 {
	total := i.empty
	for _, r := range i.slopes {
		n := min(x, r.replicas)
		total += float64(n) * r.slope
		if x -= n; x == 0 {
			return total
		}
	}
	return total + float64(x)*i.after
}
