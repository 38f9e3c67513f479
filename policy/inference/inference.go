// Package inference scales servers of language models by what they themselves say
// of their load: requests that wait, requests that run, and how full the memory
// for keys and values is. A share of busy time says nothing (an accelerator with
// one sequence is as busy as with fifty), and a rate of requests little: one may
// ask for a hundred times the tokens of another.
//
//	running, memory, tokens/s ─► what a replica carries (learned) ─┐
//	tokens/s, waiting ─► replicas' worth of load ─► + recent rises ─┴─► need ─► up at once
//	                                                              highest need of a model's load time ─► down by one,
//	                                                              if the others can carry what runs and waits
//
// That is the order of the field: the vLLM production stack and KEDA scale on
// requests that wait, llm-d's autoscaler on what a saturated replica carries and
// down by simulation, SageServe (2025) on forecast tokens per second, Chiron
// (2025) on the back-pressure of batch and line, TokenScale (2025) on the speed of
// tokens.
package inference

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "inference", 1

var _ policy.Policy = (*Policy)(nil)

// Policy remembers what replicas carry, the load of the last half hour, and what
// was needed lately.
type Policy struct {
	cfg       Config
	env       policy.Env
	starts    *capacity.Learner // how long replicas take to start, and no more
	memory    memory
	rises     []float64
	proposals [2]scale.Proposal
}

// memory is what a snapshot holds.
type memory struct {
	At time.Time `json:"at,omitzero"`
	// Since is when it began to watch without a gap.
	Since   time.Time `json:"since,omitzero"`
	Carries carries   `json:"carries"`
	Loads   loads     `json:"loads"`
	// Lines is how many scrapes in a row too many waited, the newest at LinesAt.
	Lines   int       `json:"lines"`
	LinesAt time.Time `json:"linesAt,omitzero"`
	Idle    time.Time `json:"idle,omitzero"`
}

// New returns the policy for a valid configuration.
func New(cfg Config, env policy.Env) (*Policy, error) {
	return &Policy{
		cfg: cfg, env: env, proposals: [2]scale.Proposal{{Signal: "load"}, {Signal: scale.QueueDepth}},
		starts: capacity.NewLearner(capacity.Config{Startup: cfg.Startup}, scale.Objective{}, env.Topology, 1, env.Curves),
	}, nil
}

// Signals names those without which nothing is taken away.
func (p *Policy) Signals() []string {
	return []string{scale.QueueDepth, scale.RunningRequests, scale.KVCacheUsage}
}

// assumedStartup is how long a model takes to load before one was seen to.
const assumedStartup = 2 * time.Minute

// startup is how long replicas take until they serve.
func (p *Policy) startup() time.Duration { return p.starts.StartupOr(assumedStartup) }

// horizon is how far ahead replicas must be asked for: those of the next decision
// serve then.
func (p *Policy) horizon() time.Duration { return p.startup() + p.env.Sync }

// gap is a time between two looks after which what was needed before says nothing.
const gap = 3 * time.Minute

// Recommend returns the fewest replicas that carry the load and what it may rise
// by while one more would load its model.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	p.watch(&obs)
	now, missing := read(&obs)
	if missing != "" {
		p.memory.Idle = time.Time{} // nobody knows
		return scale.Recommendation{}, fmt.Errorf("inference: signal %q: %w", missing, scale.ErrNoData)
	}
	p.memory.Carries.learn(&now)
	if now.ready == 0 && obs.CurrentReplicas > 0 {
		return hold(&obs, "Starting", "{0 replica} on the way, none is ready yet"), nil
	}
	now.late = p.late(&obs)
	w := p.weigh(&obs, &now)
	return p.choose(&obs, &now, w), nil
}

// watch notes the time. What was learned before a clock was set back by more than
// a minute is forgotten, and what was needed before a gap.
func (p *Policy) watch(obs *scale.Observation) {
	m := &p.memory
	if !m.At.IsZero() && m.At.Sub(obs.At) > time.Minute {
		*m = memory{}
		p.starts = capacity.NewLearner(capacity.Config{Startup: p.cfg.Startup}, scale.Objective{}, p.env.Topology, 1, p.env.Curves)
	}
	if m.At.IsZero() || obs.At.Sub(m.At) > max(gap, 4*p.env.Sync) {
		m.Since, m.Loads, m.Lines, m.Idle = obs.At, loads{}, 0, time.Time{}
	}
	if obs.ReadyReplicas() == 0 {
		m.Idle = time.Time{} // who was woken has the whole of idleToZero
	}
	m.At = obs.At
	alone := *obs
	alone.Signals = nil
	p.starts.Observe(&alone)
}

// reading is what servers say now.
type reading struct {
	at               time.Time
	ready            int
	waiting, running float64
	memory           float64 // share in use of each, on average
	tokens           float64 // per second; NaN: nobody tells
	over             float64 // running on average over the window of the tokens
	late             float64 // share of the first tokens that came too late for the objective
}

// most is more than any service has of anything; beyond it a value is a fault.
const most = 1e9

// read takes the newest values; missing names one that is not to be trusted.
func read(obs *scale.Observation) (r reading, missing string) {
	r.ready, r.tokens = obs.ReadyReplicas(), math.NaN()
	for _, in := range []struct {
		name string
		to   *float64
		most float64
	}{{scale.QueueDepth, &r.waiting, most}, {scale.RunningRequests, &r.running, most}, {scale.KVCacheUsage, &r.memory, 1.01}} {
		value, ok := obs.Last(in.name)
		if !ok || !(value >= 0 && value <= in.most) {
			return r, in.name
		}
		*in.to = value
	}
	running := obs.Signal(scale.RunningRequests)
	r.at, r.over = running.Points[len(running.Points)-1].At, r.running
	if tokens := obs.Signal(scale.TokensPerSecond); tokens != nil {
		if value, ok := obs.Last(scale.TokensPerSecond); ok && value >= 0 && value <= most {
			r.tokens, r.over = value, mean(running, tokens.Window)
		}
	}
	return r, ""
}

// mean is that of the points within a time before the newest one.
func mean(s *scale.Signal, over time.Duration) float64 {
	last := s.Points[len(s.Points)-1].At
	sum, n := 0.0, 0
	for i := len(s.Points) - 1; i >= 0 && last.Sub(s.Points[i].At) <= over; i-- {
		if v := s.Points[i].Value; v >= 0 && v <= most {
			sum, n = sum+v, n+1
		}
	}
	return sum / float64(n)
}

// wish is what a decision is made of.
type wish struct {
	load, line, rise float64 // replicas' worth: what runs, what waits, what may come
	carries          float64 // sequences a replica is to have
	need, held       int     // now, and the highest within a model's load time
	idle             bool
}

// weigh turns what is measured into replicas.
func (p *Policy) weigh(obs *scale.Observation, now *reading) wish {
	m, share := &p.memory, p.cfg.Utilization/100
	w := wish{carries: m.Carries.sequences(share)}
	w.load, w.line = m.Carries.load(now, w.carries), now.waiting/w.carries
	m.Loads.add(now.at, w.load+w.line)
	w.rise = m.Loads.rise(&p.rises, p.horizon(), p.cfg.Rise/100, w.load+w.line)
	w.need = max(1, whole(math.Ceil(w.load+w.line+w.rise-1e-9)))
	if m.lines(now, p.misses(now)); m.Lines >= 2 && obs.ReadyReplicas() >= obs.CurrentReplicas {
		w.need = max(w.need, obs.CurrentReplicas+1)
	}
	if w.idle = p.idle(obs, now); w.idle || p.asleep(obs, now) {
		w.need = 0
	}
	w.held = m.Loads.hold(obs.At, w.need, p.startup())
	return w
}

// lines counts scrapes in a row in which one waited for each replica, or any while
// first tokens come too late: then what replicas carry is thought too high,
// whatever was learned.
func (m *memory) lines(now *reading, misses bool) {
	if !now.at.After(m.LinesAt) {
		return // the same scrape
	}
	m.LinesAt = now.at
	if now.waiting > 0 && (misses || now.waiting >= float64(now.ready)) {
		m.Lines = min(m.Lines+1, 1000)
	} else {
		m.Lines = 0
	}
}

// late is the share of the first tokens of the newest window that came later than
// the objective allows; where only their 95th percentile is measured, that is as
// much as is known.
func (p *Policy) late(obs *scale.Observation) float64 {
	first, known := obs.Last(scale.TimeToFirstToken)
	if p.env.FirstToken == nil || !known {
		return 0
	}
	threshold := p.env.FirstToken.Threshold.Std().Seconds()
	switch d := obs.Signal(scale.TimeToFirstToken).Distribution; {
	case d != nil && d.Count() > 0:
		return d.ShareAbove(threshold)
	case first > threshold:
		return 0.05
	}
	return 0
}

// misses reports that more first tokens come late than the objective allows.
func (p *Policy) misses(now *reading) bool {
	return p.env.FirstToken != nil && now.late > 0 && now.late > 1-p.env.FirstToken.Target-1e-9
}

// idle reports that nothing has run or waited for so long that the last replica
// may go.
func (p *Policy) idle(obs *scale.Observation, now *reading) bool {
	m := &p.memory
	if now.running > 0 || now.waiting > 0 {
		m.Idle = time.Time{}
		return false
	}
	if m.Idle.IsZero() {
		m.Idle = obs.At
	}
	return p.env.Min == 0 && obs.At.Sub(m.Idle) >= p.cfg.IdleToZero.Std()
}

// asleep reports that nobody is there and nothing waits for anybody.
func (p *Policy) asleep(obs *scale.Observation, now *reading) bool {
	return p.env.Min == 0 && obs.CurrentReplicas == 0 && now.running+now.waiting == 0
}

func whole(x float64) int { return int(min(x, math.MaxInt32)) }
