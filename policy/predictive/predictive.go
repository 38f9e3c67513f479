// Package predictive is the default policy: it needs no tuning. From a rate
// over seconds it forecasts the load until replicas asked for at the next
// decision would serve, and asks for the fewest with which no more requests are
// expected to miss the objective than it allows.
//
//	rate ─► forecast of the peak ─► fewest replicas by the queueing model ─► + backlog
//	        (start-up + sync)        (service learned, topology known)       ─► − what is cheaper let go
//
// Start-up time, service time, its variation, requests at once and the error of
// the model are learned (package capacity). Without requests to measure it
// does the same with the CPU that is used, of a service it then has to assume.
package predictive

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "predictive", 1

var (
	_ policy.Policy      = (*Policy)(nil)
	_ policy.Conditioned = (*Policy)(nil)
)

// Policy forecasts and staffs. It remembers what it has learned of the load and
// of the service, and what was needed lately.
type Policy struct {
	cfg       Config
	env       policy.Env
	signal    string // it decides on
	learner   *capacity.Learner
	load      *load
	needs     needs
	budget    budget
	idleSince time.Time // zero: requests arrive
	troubles  troubles
	proposals [5]scale.Proposal
}

// New returns the policy for a valid configuration. Without an objective it
// decides on CPU: then nobody says how long a request may take.
func New(cfg Config, env policy.Env) (*Policy, error) {
	p := &Policy{cfg: cfg, env: env}
	p.follow(scale.RequestRate)
	if env.Objective == nil {
		p.follow(scale.CPUUtilization)
	}
	return p, nil
}

// follow begins to decide on a signal: what was learned by another says nothing.
func (p *Policy) follow(signal string) {
	p.signal, p.load, p.needs = signal, nil, needs{}
	service, objective := p.cfg.Service, scale.Objective{}
	if p.env.Objective != nil {
		objective = *p.env.Objective
	}
	if signal == scale.CPUUtilization {
		service, objective = assumed(p.cfg.Service, objective)
	}
	p.learner = capacity.NewLearner(service, objective, p.env.Topology, 2*p.env.Max, p.env.Curves)
}

// Signals names the one signal without which the count never falls.
func (p *Policy) Signals() []string { return []string{p.signal} }

// Recommend forecasts the load and returns the fewest replicas for it.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	p.choose(&obs)
	p.learn(obs)
	at, value, window, ok := p.measure(&obs)
	if !ok {
		p.troubles.blind(obs.At, p.signal)
		return scale.Recommendation{}, fmt.Errorf("predictive: signal %q: %w", p.signal, scale.ErrNoData)
	}
	p.see(at, value, window)
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

// see takes a measurement into the load.
func (p *Policy) see(at time.Time, value float64, window time.Duration) {
	if p.load == nil {
		p.load = newLoad(max(p.env.Sync, window, time.Second))
	}
	p.load.ahead(p.learner.Startup() + p.env.Sync)
	p.load.take(at, value)
	p.load.look()
}

// recommend combines what is needed: for the forecast, for the backlog, and
// what it would be dearer to let go.
func (p *Policy) recommend(obs *scale.Observation) scale.Recommendation {
	p.settle(obs)
	share := p.share()
	most := 2 * p.env.Max
	forecast := p.staff(share, most)
	drain, backlog := p.drain(p.load.newest, p.serving(obs))
	need := max(forecast, drain)
	if p.idle(obs) {
		need = 0
	}
	held := p.needs.take(obs.At, need, p.learner.Startup()+p.cfg.RestartCost.Std())
	replicas := max(need, min(held, obs.CurrentReplicas))
	p.troubles.judge(p, obs, need)
	return p.words(obs, wishes{forecast: forecast, drain: drain, backlog: backlog, held: replicas})
}

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

// measure returns the newest load: requests per second, or CPU used by all
// ready replicas, in replicas.
func (p *Policy) measure(obs *scale.Observation) (at time.Time, value float64, window time.Duration, ok bool) {
	at, value, window, ok = fresh(obs, p.signal)
	if p.signal == scale.CPUUtilization {
		value *= float64(obs.ReadyReplicas())
	}
	return at, value, window, ok && !math.IsNaN(value)
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

// withoutObjective is the share that is to be answered in time where nobody
// says.
const withoutObjective = 0.99

// assumed is the service of which only the CPU it uses is known, in units of a
// replica: one request at a time with services without memory, to be answered
// within five times what they take alone.
func assumed(hints capacity.Config, objective scale.Objective) (capacity.Config, scale.Objective) {
	hints.ServiceMean, hints.ServiceCV, hints.Concurrency = scale.Duration(time.Second), 1, 1
	if objective.Target == 0 {
		objective.Target = withoutObjective
	}
	objective.Threshold = scale.Duration(5 * time.Second)
	return hints, objective
}
