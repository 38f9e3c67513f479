package control

import (
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
	"github.com/flyball-io/flyball/target"
)

// minimumCover is the part of a signal's greatest age that a mean must cover
// at least to be believed: one second of fifteen.
const minimumCover = 15

// lookback is how many points of a signal an observation carries at most.
const lookback = 120

// assembler turns reports into observations. Only the planner has one.
type assembler struct {
	target   string
	maxAge   time.Duration // a signal older than this is stale, three times older absent
	maxAges  map[string]time.Duration
	apart    map[string]time.Duration // how far apart values of a signal are at most
	measured map[string]string        // who measures each signal; nil: whoever does
	changed  time.Time                // when the count was changed last
	status   *target.Status
	statusAt time.Time
	signals  []signal // sorted by name
	gaps     [spacings]time.Duration
	replica  map[string][]scale.Sample
}

type signal struct {
	name         string
	source       string // who measures it
	points       *series.Ring
	window       time.Duration
	distribution *series.Histogram
	doubtful     bool // the newest value was impossible
}

func newAssembler(target string, maxAge time.Duration) *assembler {
	return &assembler{target: target, maxAge: maxAge, replica: map[string][]scale.Sample{}}
}

// adopt takes over what a plan says of signals. What nobody measures any more,
// or somebody else, is forgotten.
func (a *assembler) adopt(p *Plan) {
	a.maxAge, a.maxAges, a.apart, a.measured = p.MaxAge, p.MaxAges, p.Spacings, p.Signals
	a.signals = slices.DeleteFunc(a.signals, func(s signal) bool { return !a.takes(s.name) || s.source != a.measured[s.name] })
}

// takes reports whether somebody is to measure the signal.
func (a *assembler) takes(name string) bool {
	_, known := a.measured[name]
	return known || a.measured == nil
}

// take adds what a report brings. Counts from before the last change say
// nothing of now, unless the clock was set back since.
func (a *assembler) take(r Report) {
	if before := a.changed.Sub(r.At); r.Status != nil && (before <= 0 || before > a.maxAge) {
		a.status, a.statusAt = r.Status, r.At
	}
	measured, last := map[string][]scale.Sample{}, lastOf(r.Samples)
	for _, s := range r.Samples {
		if s.Replica != "" {
			measured[s.Replica] = append(measured[s.Replica], s)
			continue
		}
		a.add(s, last[s.Signal])
	}
	for id, samples := range measured {
		a.replica[id] = samples
	}
}

// lastOf is when the last sample of each signal of the target was measured. A
// source may bring the past with it, oldest first, so an old sample alone says
// nothing of the clock.
func lastOf(samples []scale.Sample) map[string]time.Time {
	last := map[string]time.Time{}
	for _, s := range samples {
		if s.Replica == "" {
			last[s.Signal] = s.At
		}
	}
	return last
}

// add keeps a sample of a signal whose last one in the same report is of last.
func (a *assembler) add(s scale.Sample, last time.Time) {
	if s.Window > 0 && s.Window < a.maxAge/minimumCover || !a.takes(s.Signal) {
		return // a balancer that has just started knows next to nothing
	}
	i, found := slices.BinarySearchFunc(a.signals, s.Signal, func(x signal, name string) int { return strings.Compare(x.name, name) })
	if !found {
		a.signals = slices.Insert(a.signals, i, signal{name: s.Signal, source: a.measured[s.Signal], points: series.NewRing(lookback)})
	}
	x := &a.signals[i]
	x.doubtful = !series.Finite(s.Value) || s.Value < 0
	if x.doubtful {
		return
	}
	if newest, ok := x.points.Last(); ok && newest.At.Sub(last) > a.maxAge {
		x.points = series.NewRing(lookback) // the clock was set back
	}
	x.window, x.distribution = s.Window, s.Distribution
	x.points.Add(series.Point{At: s.At, Value: s.Value})
}

// respecify notes the count that was asked for, until a newer report says it.
func (a *assembler) respecify(n int, at time.Time) {
	a.changed = at
	if a.status == nil {
		return
	}
	status := *a.status
	status.SpecReplicas = n
	a.status = &status
}

// ready reports whether there is anything to decide on: counts that are too
// old are none.
func (a *assembler) ready(at time.Time) bool {
	return a.status != nil && at.Sub(a.statusAt) <= 3*a.maxAge
}

// observe returns what is known at an instant. Its slices share memory with
// the assembler and are valid until the next take.
func (a *assembler) observe(at time.Time) scale.Observation {
	obs := scale.Observation{Target: a.target, At: at, CurrentReplicas: a.status.SpecReplicas}
	obs.Conditions = a.status.Conditions
	obs.Replicas = slices.Clone(a.status.Replicas)
	for i := range obs.Replicas {
		r := &obs.Replicas[i]
		r.Samples = append(slices.Clone(r.Samples), a.replica[r.ID]...)
		if r.DeletedAt.IsZero() {
			obs.ObservedReplicas++
		}
	}
	a.forgetGone()
	for i := range a.signals {
		s := &a.signals[i]
		obs.Signals = append(obs.Signals, scale.Signal{Name: s.name, Trust: a.trust(s, at), Points: s.points.Points(),
			Window: s.window, Distribution: s.distribution})
	}
	return obs
}

// forgetGone drops the measurements of replicas that no longer exist.
func (a *assembler) forgetGone() {
	for id := range a.replica {
		if !slices.ContainsFunc(a.status.Replicas, func(r scale.Replica) bool { return r.ID == id }) {
			delete(a.replica, id)
		}
	}
}

func (a *assembler) trust(s *signal, at time.Time) scale.Trust {
	newest, ok := s.points.Last()
	oldest := a.oldest(s)
	switch age := at.Sub(newest.At); {
	case !ok && s.doubtful, age < -oldest:
		return scale.Implausible // never possible, or from the future
	case !ok || age > 3*oldest:
		return scale.Absent
	case age > oldest:
		return scale.Stale
	case s.doubtful:
		return scale.Implausible
	default:
		return scale.Fresh
	}
}

// SeldomMaxAge is how old a signal that comes seldom may be before it is stale,
// unless the document says otherwise.
const SeldomMaxAge = 5 * time.Minute

// A signal that comes seldom ages by its own rhythm, that of its newest
// spacings: two looks may fail before it is stale.
const (
	spacings      = 8
	missedSpacing = 2.5
)

// oldest is how old a signal may be before it is stale: what the document says
// of it, else the greatest age of all, or more where its values come more
// seldom. With one in 60 s it is stale after 150 s.
func (a *assembler) oldest(s *signal) time.Duration {
	if stated, ok := a.maxAges[s.name]; ok {
		return stated
	}
	points := s.points.Points()
	points = points[max(0, len(points)-spacings-1):]
	if len(points) < 3 {
		// Two say nothing: there may have been a gap between them.
		return max(a.maxAge, time.Duration(missedSpacing*float64(a.apart[s.name])))
	}
	gaps := a.gaps[:0]
	for i := 1; i < len(points); i++ {
		gaps = append(gaps, points[i].At.Sub(points[i-1].At))
	}
	slices.Sort(gaps)
	usual := time.Duration(missedSpacing * float64(gaps[(len(gaps)-1)/2]))
	return max(a.maxAge, min(usual, SeldomMaxAge))
}

// waiting reports whether requests are held while the target has no replica.
func (a *assembler) waiting() bool {
	if a.status == nil || a.status.SpecReplicas > 0 {
		return false
	}
	for i := range a.signals {
		if s := &a.signals[i]; s.name == scale.QueueDepth {
			newest, ok := s.points.Last()
			return ok && newest.Value > 0
		}
	}
	return false
}
