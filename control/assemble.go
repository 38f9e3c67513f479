package control

import (
	"fmt"
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
	status   *target.Status
	statusAt time.Time
	signals  []signal // sorted by name
	replica  map[string][]scale.Sample
}

type signal struct {
	name         string
	points       *series.Ring
	window       time.Duration
	distribution *series.Histogram
	doubtful     bool // the newest value was impossible
}

func newAssembler(target string, maxAge time.Duration) *assembler {
	return &assembler{target: target, maxAge: maxAge, replica: map[string][]scale.Sample{}}
}

// take adds what a report brings.
func (a *assembler) take(r Report) {
	if r.Status != nil {
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
	if s.Window > 0 && s.Window < a.maxAge/minimumCover {
		return // a balancer that has just started knows next to nothing
	}
	i, found := slices.BinarySearchFunc(a.signals, s.Signal, func(x signal, name string) int { return strings.Compare(x.name, name) })
	if !found {
		a.signals = slices.Insert(a.signals, i, signal{name: s.Signal, points: series.NewRing(lookback)})
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

// respecify notes the count that was asked for, until the next report says it.
func (a *assembler) respecify(n int) {
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
	switch age := at.Sub(newest.At); {
	case !ok && s.doubtful, age < -a.maxAge:
		return scale.Implausible // never possible, or from the future
	case !ok || age > 3*a.maxAge:
		return scale.Absent
	case age > a.maxAge:
		return scale.Stale
	case s.doubtful:
		return scale.Implausible
	default:
		return scale.Fresh
	}
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

// Observe returns the observation that one report alone allows, for deciding
// once without a running loop.
func Observe(r Report, maxAge time.Duration) (scale.Observation, error) {
	a := newAssembler(r.Target, maxAge)
	a.take(r)
	if !a.ready(r.At) {
		return scale.Observation{}, fmt.Errorf("%s: %w: the target could not be read", r.Target, scale.ErrNoData)
	}
	return a.observe(r.At), nil
}
