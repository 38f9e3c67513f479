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
	Since    [conditions]time.Time `json:"since"`
	Compared comparison            `json:"compared"`
	reason   [conditions]scale.Reason
	lent     []scale.GuardCondition
}

// comparison is what a load would need with another topology. To ask takes long,
// so it is asked once what is known of the service has settled, and then seldom.
type comparison struct {
	At    time.Time `json:"at,omitzero"` // of the newest, or since when it is waited for
	Now   int       `json:"now"`
	Other int       `json:"other"`
}

const compareEvery = 10 * time.Minute

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

// Conditions lists what holds. After a restart that is not known in words before
// the first decision.
func (p *Policy) Conditions() []scale.GuardCondition {
	t := &p.troubles
	t.lent = t.lent[:0]
	for i, since := range t.Since {
		if !since.IsZero() && t.reason[i].Code != "" {
			t.lent = append(t.lent, scale.GuardCondition{Since: since, Reason: t.reason[i]})
		}
	}
	return t.lent
}

// blind is without data. Of replicas that are not ready nothing is measured.
func (t *troubles) blind(obs *scale.Observation, signal string) {
	at, because := obs.At, scale.Because("MetricsMissing", "{n} is not measured: the count is held")
	if obs.CurrentReplicas > 0 && obs.ReadyReplicas() == 0 {
		because = scale.Because("MetricsMissing", "{n} is not measured while no replica is ready: the count is held")
	}
	t.say(missing, at, true, because.About(signal))
	for _, which := range []int{spike, ceiling, infeasible, topology} {
		t.say(which, at, false, scale.Reason{})
	}
}

// sighted is with data.
func (t *troubles) sighted(at time.Time) { t.say(missing, at, false, scale.Reason{}) }

// judge says what the policy cannot help.
func (t *troubles) judge(p *Policy, obs *scale.Observation, need int) {
	t.judgeSpike(p, obs)
	t.judgeCeiling(p, obs, need)
	t.judgeTopology(p, obs)
}

// judgeSpike: more arrives than the ready replicas can ever answer.
func (t *troubles) judgeSpike(p *Policy, obs *scale.Observation) {
	ready := float64(obs.ReadyReplicas())
	carried, takes := ready*p.learner.PerReplica(), p.startup().Seconds()
	holds := p.load.newest > carried || p.saturated(obs)
	because := scale.Because("SpikeFasterThanStartup", "{0}/s arrive, more than the {2}/s of {1 ready replica}: requests wait until others have started, which takes {3s}",
		p.load.newest, ready, carried, takes)
	if p.signal == scale.CPUUtilization {
		because = scale.Because("SpikeFasterThanStartup", "all CPU of {0 ready replica} is used: requests wait until others have started, which takes {1s}", ready, takes)
	}
	t.say(spike, obs.At, holds && ready < float64(p.env.Max), because)
}

// judgeCeiling: more is needed than is allowed, or than any number could do.
func (t *troubles) judgeCeiling(p *Policy, obs *scale.Observation, need int) {
	share, alone := 1-p.target(), p.byService()
	t.say(infeasible, obs.At, alone > share, scale.Because("ObjectiveInfeasible",
		"{0%} of the requests take longer than the objective by their service alone and {1%} may: no number of replicas keeps it", alone, share))
	var because scale.Reason
	if need > p.env.Max {
		because = scale.Because("CeilingReached", "{0 replica} needed and {1} allowed: {2%} of the requests are expected to miss the objective",
			float64(need), float64(p.env.Max), p.expected(p.env.Max))
	}
	t.say(ceiling, obs.At, need > p.env.Max, because)
}

// intrinsic is the share of services that alone take longer than the objective
// allows; of those that are only assumed nobody knows.
func (p *Policy) intrinsic() float64 {
	if p.signal != scale.RequestRate {
		return 0
	}
	return p.learner.Intrinsic()
}

// byService is the share of them that was seen, and 0 where nothing arrives: then
// nothing misses the objective.
func (p *Policy) byService() float64 {
	if p.signal != scale.RequestRate || p.load.newest == 0 {
		return 0
	}
	return p.learner.Alone()
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
	t.Compared.renew(p, obs.At)
	now, other := float64(t.Compared.Now), float64(t.Compared.Other)
	t.say(topology, obs.At, now > other && now-other >= worthwhile*now, scale.Because("AnotherTopology",
		"spread by {n}, requests would need {0 replica} instead of {1}", other, now).About(queueing.LeastConn.String()))
}

func (c *comparison) renew(p *Policy, at time.Time) {
	switch {
	case c.At.IsZero() || c.At.After(at):
		c.At = at
	case at.Sub(c.At) >= compareEvery:
		share := 1 - p.target()
		*c = comparison{at, p.learner.Demand(p.load.newest, share), p.learner.LeastConn(p.load.newest, share)}
	}
}
