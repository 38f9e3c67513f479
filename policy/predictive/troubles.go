package predictive

import (
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// The conditions: what no policy can do anything about, or not this one.
const (
	spike = iota
	ceiling
	infeasible
	missing
	topology
	conditions
)

// troubles is since when each condition holds.
type troubles struct {
	Since  [conditions]time.Time `json:"since"`
	reason [conditions]scale.Reason
	lent   []scale.GuardCondition
}

// say notes that a condition holds or does not.
func (t *troubles) say(which int, at time.Time, holds bool, reason scale.Reason) {
	switch {
	case !holds:
		t.Since[which] = time.Time{}
	case t.Since[which].IsZero() || t.Since[which].After(at):
		t.Since[which] = at
	}
	t.reason[which] = reason
}

// Conditions lists what holds.
func (p *Policy) Conditions() []scale.GuardCondition {
	t := &p.troubles
	t.lent = t.lent[:0]
	for i, since := range t.Since {
		if !since.IsZero() {
			t.lent = append(t.lent, scale.GuardCondition{Since: since, Reason: t.reason[i]})
		}
	}
	return t.lent
}

// blind is without data.
func (t *troubles) blind(at time.Time, signal string) {
	t.say(missing, at, true, scale.Because("MetricsMissing", "{n} is not measured: the count is held").About(signal))
	for _, which := range []int{spike, ceiling, infeasible, topology} {
		t.say(which, at, false, scale.Reason{})
	}
}

// judge says what the policy cannot help.
func (t *troubles) judge(p *Policy, obs *scale.Observation, need int) {
	t.say(missing, obs.At, false, scale.Reason{})
	t.judgeSpike(p, obs)
	t.judgeCeiling(p, obs, need)
	t.judgeTopology(p, obs)
}

// judgeSpike: more arrives than the ready replicas can ever answer.
func (t *troubles) judgeSpike(p *Policy, obs *scale.Observation) {
	ready := obs.ReadyReplicas()
	carried := float64(ready) * p.learner.PerReplica()
	t.say(spike, obs.At, p.load.newest > carried && ready < p.env.Max, scale.Because("SpikeFasterThanStartup",
		"{0}/s arrive, {1} ready replicas carry {2}/s and further ones take {3s} to start: requests wait until then, whatever is decided",
		p.load.newest, float64(ready), carried, p.learner.Startup().Seconds()))
}

// judgeCeiling: more is needed than is allowed, or than any number could do.
func (t *troubles) judgeCeiling(p *Policy, obs *scale.Observation, need int) {
	share := 1 - p.target()
	alone := p.intrinsic()
	t.say(infeasible, obs.At, alone > share, scale.Because("ObjectiveInfeasible",
		"{0%} of the requests take longer than the objective allows by their service alone, {1%} may: no number of replicas keeps it", alone, share))
	t.say(ceiling, obs.At, need > p.env.Max, scale.Because("CeilingReached",
		"{0} replicas are needed and {1} allowed: {2%} of the requests are expected to miss the objective, {3%} may",
		float64(need), float64(p.env.Max), p.expected(p.env.Max), share))
}

// intrinsic is the share of services that alone take longer than the objective
// allows.
func (p *Policy) intrinsic() float64 {
	if p.env.Objective == nil || p.signal != scale.RequestRate {
		return 0
	}
	facts := p.learner.Facts()
	return 1 - queueing.Lognormal(facts.Mean, facts.CV).CDF(p.env.Objective.Threshold.Std().Seconds())
}

// worthwhile is the share of replicas that another topology must save to be
// worth a word: a replica in ten, and at least one.
const worthwhile = 0.1

// judgeTopology: another way to spread requests would save more than a policy
// can. Who looks at what each replica has in progress has nothing to gain.
func (t *troubles) judgeTopology(p *Policy, obs *scale.Observation) {
	if p.signal != scale.RequestRate || p.env.Topology == queueing.LeastConn || p.env.Topology == queueing.Central {
		t.say(topology, obs.At, false, scale.Reason{})
		return
	}
	share := 1 - p.target()
	now := p.learner.Demand(p.load.newest, share)
	other, replicas := p.learner.Savings(p.load.newest, share)
	holds := now > replicas && float64(now-replicas) >= worthwhile*float64(now)
	t.say(topology, obs.At, holds, scale.Because("AnotherTopology",
		"spreading requests by {n} would need {0} replicas instead of {1} for what arrives now", float64(replicas), float64(now)).About(other.String()))
}
