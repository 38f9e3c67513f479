// Package predictive is the default policy: it needs no tuning. From a rate
// over seconds it forecasts the load until replicas asked for at the next
// decision would serve, and asks for the fewest with which no more requests are
// expected to miss the objective than it allows.
//
//	rate ─► forecast of the peak ─► fewest replicas by the queueing model ─► + backlog
//	        (start-up + sync)        (service learned, topology known)       ─► − what is cheaper let go
//
// Start-up time, service time, its variation, requests at once and the error of
// the model are learned (package capacity). Where nobody measures requests it
// does the same with the CPU that is used (cpu.go), of a service it then has to
// assume.
package predictive

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "predictive", 3

var (
	_ policy.Policy      = (*Policy)(nil)
	_ policy.Conditioned = (*Policy)(nil)
	_ policy.Foreseeing  = (*Policy)(nil)
)

// Policy forecasts and staffs. It remembers what it has learned of the load and
// of the service, and what was needed lately.
type Policy struct {
	cfg       Config
	env       policy.Env
	*sight           // it decides by
	aside     *sight // by the other signal, until that is back; nil: none
	budget    budget
	idleSince time.Time // zero: requests arrive
	troubles  troubles
	proposals [proposals]scale.Proposal
	foreseen  int // replicas for the forecast, of the newest Recommend; −1: it had no opinion
}

// New returns the policy for a valid configuration. Without an objective it
// decides on CPU: then nobody says how long a request may take.
func New(cfg Config, env policy.Env) (*Policy, error) {
	p := &Policy{cfg: cfg, env: env, foreseen: -1}
	p.sight = p.behold(scale.RequestRate)
	if env.Objective == nil {
		p.sight = p.behold(scale.CPUUtilization)
	}
	return p, nil
}

// Signals names the one signal without which the count never falls: that on
// which it decides at the moment.
func (p *Policy) Signals() []string { return p.signals[:] }

// Recommend forecasts the load and returns the fewest replicas for it.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	p.foreseen = -1
	p.choose(&obs)
	p.learn(obs)
	now, ok := p.measure(&obs)
	if !ok {
		p.troubles.blind(&obs, p.signal)
		return scale.Recommendation{}, fmt.Errorf("predictive: signal %q: %w", p.signal, scale.ErrNoData)
	}
	p.troubles.sighted(obs.At)
	p.see(&obs, now)
	if !p.learner.Known() {
		return scale.Recommendation{}, fmt.Errorf("predictive: the service has not been measured yet: %w", scale.ErrNoData)
	}
	return p.recommend(&obs), nil
}

// learn takes an observation into what is known of the service. Where only its
// CPU counts, no more is learned than how long replicas take to start.
func (p *Policy) learn(obs scale.Observation) {
	if p.signal == scale.CPUUtilization {
		obs.Signals = nil
	}
	p.learner.Observe(&obs)
}

// shortest is the least step of a forecast.
const shortest = 100 * time.Millisecond

// see takes a measurement into the load. One that is older than a step tells
// less of what is to come: then the forecast has so much further to go.
func (p *Policy) see(obs *scale.Observation, now measured) {
	if p.load == nil {
		p.load = newLoad(max(p.env.Sync, now.window, shortest))
	}
	age := obs.At.Sub(now.at).Truncate(p.load.step)
	p.load.ahead(p.startup() + p.env.Sync + max(0, age))
	p.load.newest = now.value
	if p.signal == scale.RequestRate {
		p.load.recent.Window = now.window.Seconds()
	}
	if !p.saturated(obs) {
		p.load.take(obs.At, now.at, now.value)
	}
	p.load.look()
}

// recommend combines what is needed: for the forecast, for the backlog, and
// what it would be dearer to let go.
func (p *Policy) recommend(obs *scale.Observation) scale.Recommendation {
	p.settle(obs)
	w := wishes{forecast: p.staff(p.share(), 2*p.env.Max), relieve: p.relieve(obs)}
	p.foreseen = w.forecast
	w.drain, w.backlog = p.drain(p.load.newest, p.serving(obs))
	w.need = max(w.forecast, w.drain, w.relieve)
	if p.idle(obs) {
		w.need = 0
	}
	w.held = max(w.need, min(p.needs.take(obs.At, w.need, p.breakEven()), obs.CurrentReplicas))
	p.troubles.judge(p, obs, w.need)
	return p.words(w)
}

// startup is how long replicas take to start. Until a start was seen two
// decisions are assumed: who decides every few seconds expects replicas soon.
func (p *Policy) startup() time.Duration {
	return p.learner.StartupOr(min(capacity.DefaultStartup, 2*p.env.Sync))
}

// breakEven is the time after which keeping a replica has cost its next start.
func (p *Policy) breakEven() time.Duration { return p.startup() + p.cfg.RestartCost.Std() }

// idle reports that nothing has arrived for so long that the last replica may go.
func (p *Policy) idle(obs *scale.Observation) bool {
	if p.load.newest > 0 || obs.Waiting() {
		p.idleSince = time.Time{}
		return false
	}
	if p.idleSince.IsZero() || p.idleSince.After(obs.At) {
		p.idleSince = obs.At
	}
	return obs.At.Sub(p.idleSince) >= p.cfg.IdleToZero.Std()
}

// serving is how many replicas answer, those that start counting half: they
// will for half of the time it takes, on average.
func (p *Policy) serving(obs *scale.Observation) float64 {
	ready := obs.ReadyReplicas()
	return float64(ready) + float64(max(0, obs.CurrentReplicas-ready))/2
}

// share is the share of the requests that may be expected to miss the objective.
func (p *Policy) share() float64 {
	return min(0.5, p.cfg.Risk*(1-p.target())*p.budget.factor())
}

func (p *Policy) target() float64 {
	if p.env.Objective == nil {
		return withoutObjective
	}
	return p.env.Objective.Target
}

// choose decides on requests where they are measured, else on CPU. It goes over
// to CPU when the rate is absent, not when it is merely stale, and back as soon
// as the rate is there.
func (p *Policy) choose(obs *scale.Observation) {
	if p.env.Objective == nil {
		return
	}
	rate, cpu := obs.Signal(scale.RequestRate), obs.Signal(scale.CPUUtilization)
	switch {
	case rate != nil && rate.Trust == scale.Fresh && p.signal != scale.RequestRate:
		p.follow(scale.RequestRate)
	case (rate == nil || rate.Trust == scale.Absent) && cpu != nil && cpu.Trust == scale.Fresh && p.signal != scale.CPUUtilization:
		p.follow(scale.CPUUtilization)
	}
}

// measured is a load at an instant, on average over a window before it.
type measured struct {
	at     time.Time
	value  float64
	window time.Duration
}

// measure returns the newest load that is to be trusted: requests per second, or
// CPU used by all ready replicas, in replicas.
func (p *Policy) measure(obs *scale.Observation) (measured, bool) {
	s := obs.Signal(p.signal)
	if s == nil || s.Trust != scale.Fresh || len(s.Points) == 0 {
		return measured{}, false
	}
	newest := s.Points[len(s.Points)-1]
	m := measured{newest.At, newest.Value, s.Window}
	if p.signal == scale.CPUUtilization {
		m.value *= float64(obs.ReadyReplicas())
	}
	if !(m.value >= 0) || math.IsInf(m.value, 0) {
		return measured{}, false
	}
	m.value = forecast.Clean(m.value)
	return m, true
}
