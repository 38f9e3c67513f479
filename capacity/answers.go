package capacity

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// Known reports whether anything can be asked about the service.
func (l *Learner) Known() bool { return l.model.ready || l.WorkOnly() }

// WorkOnly reports that CPU is measured and requests are not. Loads are then in
// replicas' worth of CPU ([Facts.Work]), a replica carries 1, and the answers are
// those of square-root staffing (Halfin and Whitt 1981): x replicas are too few
// with the probability that a load of mean and variance w exceeds x.
func (l *Learner) WorkOnly() bool {
	return !l.model.ready && !l.memory.CPU.Requests && !l.memory.CPU.Sampled.IsZero()
}

// Avoidable is the share of requests expected to miss the objective although
// their service alone would meet it. A backlog is in requests.
func (l *Learner) Avoidable(replicas int, rate, backlog float64) float64 {
	s := l.With(replicas)
	return s.Avoidable(rate, backlog)
}

// Intrinsic is the share of requests whose service alone misses the objective.
func (l *Learner) Intrinsic() float64 {
	if !l.model.ready {
		return 0
	}
	return l.model.blend.Intrinsic()
}

// Load is the signal that loads are told by, in the unit of [Learner.PerReplica]:
// the rate of requests; where nobody counts those ([Learner.WorkOnly]) the newest CPU used by all
// ready replicas, in replicas. While they are busy all the time it is the least that
// the load can be. nil while neither is measured. It belongs to the observation or the
// learner, until the next one.
func (l *Learner) Load(obs *scale.Observation) *scale.Signal {
	rate := obs.Signal(scale.RequestRate)
	if rate != nil && rate.Trust != scale.Absent || !l.WorkOnly() {
		return rate
	}
	cpu, used := obs.Signal(scale.CPUUtilization), &l.memory.CPU
	if cpu == nil || cpu.Trust != scale.Fresh || len(cpu.Points) == 0 || !cpu.Points[len(cpu.Points)-1].At.Equal(used.Sampled) {
		return nil
	}
	l.used[0] = series.Point{At: used.Sampled, Value: used.Load}
	l.load = scale.Signal{Name: cpu.Name, Trust: cpu.Trust, Window: cpu.Window, Points: l.used[:]}
	return &l.load
}

// sane makes of any number one that can be reckoned with; NaN counts as none.
func sane(requests float64) float64 {
	if !(requests > 0) {
		return 0
	}
	return min(requests, 1e15)
}

// Demand is the fewest replicas with which at most a share of the requests is
// expected to miss the objective avoidably, and no more than may be asked about.
func (l *Learner) Demand(rate, share float64) int {
	switch {
	case !(rate > 0):
		return 0
	case l.model.ready:
		return l.fewest(rate, share)
	case l.WorkOnly():
		beyond := math.Sqrt2 * math.Erfinv(1-2*min(0.5, max(1e-9, share)))
		return int(min(float64(l.most), math.Ceil(rate+beyond*math.Sqrt(rate))))
	}
	return 0
}

// fewest doubles the distance from what the load itself takes until the promise
// is kept, and then halves it.
func (l *Learner) fewest(rate, share float64) int {
	kept := func(x int) bool { return x >= l.most || l.Avoidable(x, rate, 0) <= share }
	low := int(min(float64(l.most), rate/l.model.perReplica))
	high := min(l.most, low+1)
	for step := 1; !kept(high); step *= 2 {
		low, high = high, min(l.most, high+step)
	}
	for low+1 < high {
		if middle := (low + high) / 2; kept(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// PerReplica is the requests per second that one replica carries with every slot
// busy; 0 when that is not known.
func (l *Learner) PerReplica() float64 {
	switch {
	case l.model.ready:
		return l.model.perReplica
	case l.WorkOnly():
		return 1
	}
	return 0
}

// Startup is a time from asking for a replica until it takes work that nine in
// ten keep: the hint, what was seen, or [DefaultStartup].
func (l *Learner) Startup() time.Duration { return l.StartupOr(DefaultStartup) }

// StartupOr is the same with another time until a start was seen.
func (l *Learner) StartupOr(assumed time.Duration) time.Duration {
	if l.cfg.Startup > 0 {
		return l.cfg.Startup.Std()
	}
	return l.memory.Startups.careful(l.memory.At, assumed)
}

// Backlog is how many requests wait beyond the steady state.
func (l *Learner) Backlog() float64 { return l.memory.Backlog }

// settled is the highest load at which what is in progress is taken as steady:
// closer to 1 a steady state takes longer to come than loads stay.
const settled = 0.95

// excess is the requests in progress beyond those the model expects. Counts vary
// by their root; less than twice that is nothing to act upon.
func (l *Learner) excess(s *sample) float64 {
	held := max(0, s.queue)
	switch {
	case s.concurrency < 0 || s.rate < 0 || !l.model.ready:
		return held
	case s.ready == 0:
		return max(held, s.concurrency)
	}
	staffed := l.With(s.ready)
	rate := min(s.rate, settled*staffed.replicas*l.model.perReplica)
	expected := rate * staffed.curves.MeanResponse(staffed.load(rate, l.model.factor), 0)
	if beyond := s.concurrency - expected; beyond > 2*math.Sqrt(expected+1) {
		return max(held, beyond)
	}
	return held
}

// LeastConn is the replicas that the load would need if each request went to a
// replica with the fewest in progress: no rule that knows no more needs fewer. A
// first question makes curves for that, which takes long: for now and then.
func (l *Learner) LeastConn(rate, share float64) int {
	if !l.model.ready {
		return l.Demand(rate, share)
	}
	own := l.model
	defer func() { l.model = own }()
	l.model.traits.Topology = queueing.LeastConn
	blend, err := l.curves.Blend(l.model.traits, l.threshold)
	if err == nil {
		l.model.blend = blend
	}
	return l.Demand(rate, share)
}
