// Package capacity learns what the replicas of a service carry while it serves:
// how long a request takes by itself and how much that varies, how many requests
// a replica works on at once, how long a replica takes to start, and by how much
// the queueing model is wrong. Nothing has to be set by hand; hints are taken.
//
//	requests in progress, per slot ─► slots ──────────┐
//	CPU used, requests per second ──► work ───────────┼─► requests per second and replica
//	response times that grow ───────► where it ends ──┘
//	response times − waits of the model ─► mean, CV of the service
//	late requests, by the model and measured ─► correction of the load
//
// The model is [queueing.Blend]: a learner asks it with what it has learned.
package capacity

import (
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// Learner learns one service. It has one owner, and is pure: the same
// observations in the same order give the same answers.
type Learner struct {
	cfg       Config
	threshold float64 // seconds
	target    float64
	topology  queueing.Topology
	most      int
	curves    *queueing.Library
	memory    memory
	model     model
	kept      *series.Histogram // lent to samples
	load      scale.Signal      // lent by Load, with its one point
	used      [1]series.Point

	uncorrected bool // the model is left as it is: tests compare
}

// memory is what a snapshot keeps.
type memory struct {
	At      time.Time `json:"at,omitzero"`
	Sampled time.Time `json:"sampled,omitzero"` // time of the newest measurement taken in
	Ready   int       `json:"ready"`
	Steady  time.Time `json:"steady,omitzero"` // since when as many are ready
	Rate    float64   `json:"rate"`            // of the sample before
	Backlog float64   `json:"backlog"`

	Mean       estimate   `json:"mean"` // of services, in seconds
	CV2        average    `json:"cv2"`  // squared variation
	Slots      estimate   `json:"slots"`
	CPU        work       `json:"cpu"`
	Reach      reach      `json:"reach"`
	Correction correction `json:"correction"`
	Startups   startups   `json:"startups"`
	Alone      alone      `json:"alone"`
}

// NewLearner returns a learner that knows what is hinted. The objective says how
// long a request may take; most is the most replicas that are ever asked about.
// Learners of a program share one library; nil makes one.
func NewLearner(cfg Config, objective scale.Objective, topology queueing.Topology, most int, curves *queueing.Library) *Learner {
	if curves == nil {
		curves = queueing.NewLibrary(queueing.DefaultLibrary)
	}
	l := &Learner{
		cfg: cfg, threshold: objective.Threshold.Std().Seconds(), target: objective.Target,
		topology: topology, most: max(1, most), curves: curves,
	}
	l.refresh()
	return l
}

// Observe learns from an observation. One that is not newer than the last
// changes nothing; after a clock was set back by more than a minute all begins
// anew.
func (l *Learner) Observe(obs *scale.Observation) {
	m := &l.memory
	if !m.At.IsZero() && !obs.At.After(m.At) {
		if m.At.Sub(obs.At) <= time.Minute {
			return
		}
		*m, l.model = memory{}, model{}
		l.refresh()
	}
	m.Startups.observe(obs, m.At)
	s := read(obs)
	switch {
	case m.At.IsZero(): // whoever is ready now has been, for all that is known
		m.Ready, m.Steady = s.ready, obs.At.Add(-time.Hour)
	case s.ready != m.Ready:
		m.Ready, m.Steady = s.ready, obs.At
	}
	m.At = obs.At
	m.CPU.observe(obs, &s, m.Steady)
	l.learn(&s)
	l.refresh()
	m.Backlog = l.excess(&s)
}

// learn takes in a sample with answers that is newer than the last one.
func (l *Learner) learn(s *sample) {
	m := &l.memory
	later := s.at.Sub(m.Sampled)
	if m.Sampled.IsZero() || later > time.Hour {
		later = s.window
	}
	if s.rate < 0 || later <= 0 || s.ready == 0 || s.answered <= 0 || s.window <= 0 {
		return
	}
	rate := m.Rate
	m.Sampled, m.Rate = s.at, s.rate
	if !l.present(s) {
		return
	}
	// Windows overlap where decisions come more often: what is new counts.
	weight := s.answered * min(1, later.Seconds()/s.window.Seconds())
	steady := !m.Steady.After(s.at.Add(-s.window)) && s.queue <= 0
	m.Alone.observe(l, s, steady, weight, later)
	if s.utilization > 0.01 && s.concurrency > 0 && steady {
		m.Slots.add(s.concurrency/(s.utilization*float64(s.ready)), weight, 0.1, later)
	}
	if l.model.source > fromUtilization || !l.model.ready {
		l.learnReach(s, steady, later)
		l.refresh()
	}
	if steady || l.model.ready {
		l.learnService(s, weight, later)
	}
	if even := rate > 0 && s.rate < 1.2*rate && s.rate > rate/1.2; steady && even {
		m.Correction.learn(l, s, later)
	}
}

// present leaves out of a sample what waited since before as many replicas were
// ready as are: where each has a line of its own, replicas that came later take
// nothing out of the others', and those who waited there say nothing of so many. A
// service may take long without any wait. It is false where little else is left.
func (l *Learner) present(s *sample) bool {
	if !l.model.ready || l.topology == queueing.Central {
		return true
	}
	service := time.Duration(longService * l.model.traits.Mean * float64(time.Second))
	older := max(s.window, s.at.Sub(l.memory.Steady), service)
	if s.latency.ShareAbove(older.Seconds()) < leftOut {
		return true
	}
	if l.kept == nil {
		l.kept = new(series.Histogram)
	}
	return s.leaveOut(older, l.kept) >= leastKept
}

const (
	// longService is how many times the mean a single service may take.
	longService = 20
	// leftOut is the least share that makes a difference, leastKept the least that
	// there must be others to learn from.
	leftOut, leastKept = 1e-3, 0.1
)
