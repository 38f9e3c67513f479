// Package lcp is lazy capacity provisioning: it forecasts nothing, and yet
// never costs more than three times what a clairvoyant would have paid, by the
// model of package cost. It is the expert that an envelope trusts.
//
//	rate, backlog ─► cost of the last interval ─► bounds between which no change
//	                 by number of replicas        pays, in hindsight ─► count moved
//	                                                                    into them
//
// It adds replicas as soon as their absence has cost as much as starting them
// does, which an overload does at once, and takes them away when keeping them has.
package lcp

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/cost"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "lcp", 2

var _ policy.Policy = (*Policy)(nil)

// Policy weighs what the past cost. It remembers that, and what it learned of
// the service.
type Policy struct {
	cfg      Config
	env      policy.Env
	learner  *capacity.Learner
	tariff   *cost.Tariff
	lazy     *cost.Lazy
	interval cost.Interval
	memory   memory
	proposal [1]scale.Proposal
}

type memory struct {
	At    time.Time `json:"at,omitzero"` // of the newest interval's end
	Lower int       `json:"lower"`
	Upper int       `json:"upper"`
}

// New returns the policy for a valid configuration. What a violation costs
// comes from the objective.
func New(cfg Config, env policy.Env) (*Policy, error) {
	if env.Objective == nil {
		return nil, errors.New("lcp: needs objective.latency: what a violation costs comes from the share it allows")
	}
	p := &Policy{cfg: cfg, env: env}
	p.learner = capacity.NewLearner(cfg.Service, *env.Objective, env.Topology, 2*max(1, env.Max), env.Curves)
	p.tariff, p.lazy = p.newTariff(), cost.NewLazy(0, env.Max, 0)
	return p, nil
}

func (p *Policy) newTariff() *cost.Tariff {
	o := p.env.Objective
	return cost.NewTariff(p.cfg.Risk*(1-o.Target), o.Window.Std())
}

// Signals names the one signal without which the count never falls.
func (*Policy) Signals() []string { return []string{scale.RequestRate} }

// Recommend adds the interval since the last observation to what is weighed and moves the
// count no further than that demands.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	p.learner.Observe(&obs)
	rate, ok := obs.Last(scale.RequestRate)
	if !ok || !(rate >= 0) {
		return scale.Recommendation{}, fmt.Errorf("lcp: signal %q: %w", scale.RequestRate, scale.ErrNoData)
	}
	if !p.learner.Known() {
		return scale.Recommendation{}, fmt.Errorf("lcp: the service has not been measured yet: %w", scale.ErrNoData)
	}
	rate = min(rate, 2*float64(p.env.Max)*p.learner.PerReplica()) // beyond that nothing helps more
	p.weigh(&obs, rate)
	return p.words(obs.CurrentReplicas, rate), nil
}

// weigh adds the cost of the interval that ends now. After a gap, in which
// nobody knows what the load was, it begins anew.
func (p *Policy) weigh(obs *scale.Observation, rate float64) {
	m, beta := &p.memory, p.beta()
	since := obs.At.Sub(m.At)
	if since == 0 {
		return
	}
	if m.At.IsZero() || since < 0 || since > 4*p.env.Sync {
		p.lazy.Reset(obs.CurrentReplicas, beta)
		since = max(p.env.Sync, time.Second)
	}
	m.At = obs.At
	p.tariff.Observe(obs.At, rate)
	p.lazy.SetBeta(beta)
	// Those that wait have to be answered as well, within the interval.
	arrived := rate + p.learner.Backlog()/max(since, p.env.Sync, time.Second).Seconds()
	p.interval.Set(p.tariff.Terms(since.Seconds(), arrived, p.learner.PerReplica()), p.learner)
	m.Lower, m.Upper = p.lazy.Step(&p.interval)
}

// beta is what it costs to add a replica, in replica-seconds: it is paid while
// it starts and does nothing.
func (p *Policy) beta() float64 {
	return p.learner.Startup().Seconds() + p.cfg.RestartCost.Std().Seconds()
}

// words moves the count between the bounds and says why.
func (p *Policy) words(current int, rate float64) scale.Recommendation {
	lower, upper := p.memory.Lower, p.memory.Upper
	n, code, why := current, "NoChangePays", "hold {0} at {n} {1}: starting another costs more than its absence did, and keeping these less than starting them again, {2s} each"
	switch {
	case current < lower:
		n, code, why = lower, "AbsenceCosts", "{0} at {n} {1}: the absence of fewer has cost more than starting them, {2s} each"
	case current > upper:
		n, code, why = upper, "KeepingCosts", "{0} at {n} {1}: keeping more has cost more than starting them again would, {2s} each"
	}
	reason := scale.Because(code, why, float64(n), math.Round(rate*10)/10, p.beta(), float64(lower), float64(upper)).About(scale.RequestRate)
	p.proposal[0] = scale.Proposal{Signal: scale.RequestRate, Replicas: n, Reason: reason}
	return scale.Recommendation{Replicas: n, Reason: reason, Confidence: 1, Proposals: p.proposal[:]}
}
