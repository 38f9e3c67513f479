// Package capacity learns what the replicas of a service carry while it serves:
// how long a request takes by itself and how much that varies, how many requests
// a replica works on at once, how long a replica takes to start, and by how much
// the queueing model is wrong. Nothing has to be set by hand; hints are taken.
//
//	requests in progress, per slot ─► slots ─┐
//	CPU used, requests per second ─► work ───┼─► requests per second and replica
//	response times − waits of the model ─► mean, CV of the service
//	violations measured / by the model ─► correction of the load
package capacity

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// Learner learns one service. It has one owner, and is pure: the same
// observations in the same order give the same answers.
type Learner struct {
	cfg       Config
	objective scale.Objective
	topology  queueing.Topology
	most      int
	curves    *queueing.Library

	memory memory
	traits queueing.Traits
	blend  queueing.Blend
	known  bool
}

// memory is what a snapshot keeps.
type memory struct {
	At       time.Time `json:"at"`
	Sampled  time.Time `json:"sampled"` // time of the newest measurement taken in
	Ready    int       `json:"ready"`
	Steady   time.Time `json:"steady"` // since when as many were ready
	Backlog  float64   `json:"backlog"`
	Mean     estimate  `json:"mean"`
	CV       estimate  `json:"cv"`
	Slots    estimate  `json:"slots"`
	Work     estimate  `json:"work"` // replica-seconds of CPU a request takes
	Proven   float64   `json:"proven"`
	Startups startups  `json:"startups"`
	Source   string    `json:"source"`
}

// NewLearner returns a learner that knows what is hinted. The objective says how
// long a request may take; most is the most replicas that are ever asked about.
// Learners of a program share one library; nil makes one.
func NewLearner(cfg Config, objective scale.Objective, topology queueing.Topology, most int, curves *queueing.Library) *Learner {
	if curves == nil {
		curves = queueing.NewLibrary(queueing.DefaultLibrary)
	}
	l := &Learner{cfg: cfg, objective: objective, topology: topology, most: max(1, most), curves: curves}
	l.refresh()
	return l
}

// Observe learns from an observation. One that is not newer than the last
// changes nothing.
func (l *Learner) Observe(obs *scale.Observation) {
	m := &l.memory
	if !obs.At.After(m.At) && !m.At.IsZero() {
		if obs.At.Before(m.At.Add(-time.Minute)) { // the clock was set back
			m.At, m.Sampled, m.Steady = obs.At, time.Time{}, obs.At
		}
		return
	}
	m.Startups.observe(obs, m.At)
	s := read(obs)
	if s.ready != m.Ready || m.At.IsZero() {
		m.Ready, m.Steady = s.ready, obs.At
	}
	m.At = obs.At
	if s.rate >= 0 {
		l.learn(obs, &s)
	}
	l.refresh()
	m.Backlog = l.excess(&s)
}

// learn takes in a sample that is newer than the last one.
func (l *Learner) learn(obs *scale.Observation, s *sample) {
	m := &l.memory
	later := s.at.Sub(m.Sampled)
	if m.Sampled.IsZero() {
		later = s.window
	}
	if later <= 0 || s.ready == 0 || s.answered <= 0 {
		return
	}
	m.Sampled = s.at
	weight := s.answered * min(1, later.Seconds()/max(1e-3, s.window.Seconds()))
	if s.utilization > 0.01 && s.concurrency > 0 {
		m.Slots.add(s.concurrency/(s.utilization*float64(s.ready)), weight, later)
	}
	l.learnService(s, weight, later)
}

// learnService takes the waits of the model out of the response times: the mean
// service is the one with which the model answers as was measured, and with
// every slot busy it is the slots over the requests answered.
func (l *Learner) learnService(s *sample, weight float64, later time.Duration) {
	m := &l.memory
	mean := s.mean
	if l.known {
		mean = l.unloaded(s)
	}
	m.Mean.add(mean, weight*math.Pow(mean/s.mean, 4), later)
	if mean > 0.7*s.mean {
		wait := s.mean - mean
		variance := max(0, s.latency.Variance()-2*wait*wait)
		m.CV.add(max(leastCV, math.Sqrt(variance)/mean), weight*math.Pow(mean/s.mean, 8), later)
	}
}

// leastCV is a variation nobody can tell from none.
const leastCV = 0.01

// unloaded is the mean service with which the model has the mean response that
// was measured, by halving.
func (l *Learner) unloaded(s *sample) float64 {
	x := s.ready
	slots := float64(l.traits.Slots)
	low, high := 0.0, min(s.mean, 0.999*slots*float64(x)/max(1e-9, s.throughput()))
	for range 16 {
		middle := (low + high) / 2
		load := s.throughput() * middle / (slots * float64(x))
		response := middle * l.blend.MeanResponse(x, load*float64(x)*l.blend.CapacityPerReplica(), 0) / l.traits.Mean
		if response < s.mean {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// refresh makes the model of what is known.
func (l *Learner) refresh() {
	m := &l.memory
	t := queueing.Traits{Mean: l.cfg.ServiceMean.Std().Seconds(), CV: l.cfg.ServiceCV, Slots: l.cfg.Concurrency, Sharing: l.cfg.Sharing, Topology: l.topology}
	if t.Mean == 0 {
		t.Mean = m.Mean.value()
	}
	if t.CV == 0 {
		if t.CV = m.CV.value(); !m.CV.known() {
			t.CV = 1
		}
	}
	if t.Slots == 0 {
		t.Slots = max(1, int(math.Round(m.Slots.value())))
		l.known = m.Slots.known()
	} else {
		l.known = true
	}
	if l.known = l.known && t.Mean > 0; !l.known || t == l.traits {
		return
	}
	blend, err := l.curves.Blend(t, l.objective.Threshold.Std().Seconds())
	if err != nil {
		l.known = false
		return
	}
	l.traits, l.blend = t, blend
}

// Known reports whether anything can be asked about the service.
func (l *Learner) Known() bool { return l.known }

// WorkOnly reports that nothing is measured of requests: loads are then in
// replicas' worth of CPU, and a replica carries one.
func (l *Learner) WorkOnly() bool { return false }

// Avoidable is the share of requests expected to miss the objective although
// their service alone would meet it.
func (l *Learner) Avoidable(replicas int, rate, backlog float64) float64 {
	if !l.known {
		return 0
	}
	return l.blend.Avoidable(replicas, rate, backlog)
}

// Demand is the fewest replicas with which at most a share of the requests is
// expected to miss the objective avoidably, at most as many as may be asked about.
func (l *Learner) Demand(rate, share float64) int {
	if !l.known {
		return 0
	}
	return min(l.most, l.blend.Fewest(rate, share, l.most))
}

// PerReplica is the requests per second that one replica carries with every slot
// busy; 0 when that is not known.
func (l *Learner) PerReplica() float64 {
	if !l.known {
		return 0
	}
	return l.blend.CapacityPerReplica()
}

// Startup is the time from asking for a replica until it takes work, kept by nine
// in ten.
func (l *Learner) Startup() time.Duration {
	if l.cfg.Startup > 0 {
		return l.cfg.Startup.Std()
	}
	return l.memory.Startups.careful(l.memory.At)
}

// Backlog is how many requests wait beyond the steady state.
func (l *Learner) Backlog() float64 { return l.memory.Backlog }

// settled is the highest load at which what is in progress is taken as steady:
// closer to 1 a steady state takes longer to come than loads stay.
const settled = 0.95

// excess is the requests in progress beyond those the model expects.
func (l *Learner) excess(s *sample) float64 {
	waiting := max(0, s.queue)
	if !l.known || s.concurrency < 0 || s.rate < 0 {
		return waiting
	}
	if s.ready == 0 {
		return max(waiting, s.concurrency)
	}
	rate := min(s.rate, settled*float64(s.ready)*l.blend.CapacityPerReplica())
	expected := rate * l.blend.MeanResponse(s.ready, rate, 0)
	// Counts vary by their root; twice that is nothing to act upon.
	return max(waiting, s.concurrency-expected-2*math.Sqrt(expected))
}

// Savings is the best other topology for the load and the replicas it would
// need; the present one when none needs less.
func (l *Learner) Savings(rate, share float64) (topology queueing.Topology, replicas int) {
	topology, replicas = l.topology, l.Demand(rate, share)
	if !l.known {
		return topology, replicas
	}
	for other := queueing.LeastConn; other <= queueing.PowerOfTwo; other++ {
		t := l.traits
		t.Topology = other
		blend, err := l.curves.Blend(t, l.objective.Threshold.Std().Seconds())
		if n := blend.Fewest(rate, share, l.most); err == nil && n < replicas {
			topology, replicas = other, n
		}
	}
	return topology, replicas
}

// Facts are what is known of the service, for people.
type Facts struct {
	queueing.Traits
	PerReplica float64 // requests per second
	Correction float64 // of the load, by what was measured
	Backlog    float64
	Startup    time.Duration
	// Source says what the capacity comes from; Uncertain, that it is a guess.
	Source    string
	Uncertain bool
}

// Facts returns what is known.
func (l *Learner) Facts() Facts {
	return Facts{Traits: l.traits, PerReplica: l.PerReplica(), Correction: 1, Backlog: l.Backlog(), Startup: l.Startup()}
}

const kind, version = "capacity", 1

// Snapshot returns the whole memory.
func (l *Learner) Snapshot() ([]byte, error) {
	return scale.Seal(kind, version, []any{l.cfg, l.objective, l.topology}, l.memory)
}

// Restore refuses a snapshot of another configuration.
func (l *Learner) Restore(s []byte) error {
	var m memory
	if err := scale.Unseal(s, kind, version, []any{l.cfg, l.objective, l.topology}, &m); err != nil {
		return err
	}
	l.memory, l.traits = m, queueing.Traits{}
	l.refresh()
	return nil
}
