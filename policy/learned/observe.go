package learned

import (
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// state fills in what is known at a decision; false when no load is.
func (p *Policy) state(obs *scale.Observation, wants int) (State, bool) {
	o, foreseen := policy.OutlookOf(p.base)
	if !foreseen {
		if o = p.measured(obs); !(o.PerReplica > 0) {
			return State{}, false
		}
	}
	s := State{
		Base: float32(max(1, wants)), Ready: float32(obs.ReadyReplicas()), Current: float32(obs.CurrentReplicas),
		Least: float32(p.env.Min), Most: float32(p.env.Max),
		Foreseen: foreseen, Need: float32(o.Need), Required: float32(o.Now), Calendar: Calendar(obs.At),
		Sync: float32(p.env.Sync.Seconds()), Startup: float32(o.Startup.Seconds()),
		Carried: float32(o.PerReplica * p.threshold()), Allowed: float32(p.allowedShare()),
		Stale: p.stale(obs),
	}
	s.Now = p.moment(obs, &o)
	s.Missed = p.past.miss(s.Now.Late, p.env.Sync, p.env.Objective.Window.Std())
	s.Starting = p.past.ages(obs.At, o.Startup)
	s.Raised, s.Lowered = since(p.past.Raised, obs.At), since(p.past.Lowered, obs.At)
	for i := range o.Peak {
		s.Peak[i], s.Far[i] = float32(o.Peak[i]/o.PerReplica), float32(o.Far[i]/o.PerReplica)
	}
	return s, true
}

// measured is the outlook of a base that has none: what is learned here.
func (p *Policy) measured(obs *scale.Observation) policy.Outlook {
	if p.learner == nil {
		return policy.Outlook{}
	}
	rate, known := obs.Last(scale.RequestRate)
	if !known || p.learner.WorkOnly() { // which counts replicas' worth of CPU
		return policy.Outlook{}
	}
	return policy.Outlook{
		Load: rate, PerReplica: p.learner.PerReplica(), Backlog: p.learner.Backlog(),
		Startup: p.learner.StartupOr(min(capacity.DefaultStartup, 2*p.env.Sync)),
		Now:     p.learner.Demand(rate, p.allowedShare()),
	}
}

// moment is what was measured since the decision before. What nobody measures of
// answers is none; what slots are used is then the load.
func (p *Policy) moment(obs *scale.Observation, o *policy.Outlook) Moment {
	m := Measure(o.Load, o.Backlog, float64(obs.ReadyReplicas()), o.PerReplica, p.threshold())
	used, known := obs.Last(scale.Utilization)
	if !known {
		used = float64(min(1, m.Load))
	}
	m.Utilization = float32(min(max(0, used), mostUsed))
	if latency, known := obs.Last(scale.Latency); known {
		m.Latency = float32(max(0, latency) / p.threshold())
	}
	if late, known := obs.Last(scale.ViolationRatio); known {
		m.Late = float32(max(0, late) / p.allowedShare())
	}
	return m
}

// mostUsed is the most utilization there is: requests that wait count as well.
const mostUsed = 2

// Measure is a load and a backlog as a moment: over what the ready replicas
// carry. Without any, half a replica is taken, or nothing could be told apart.
func Measure(load, backlog, ready, perReplica, threshold float64) Moment {
	carried := max(ready, 0.5) * perReplica
	return Moment{Load: float32(load / carried), Delay: float32(backlog / (carried * threshold))}
}

func (p *Policy) threshold() float64 { return p.env.Objective.Threshold.Std().Seconds() }

func (p *Policy) allowedShare() float64 { return max(1e-9, 1-p.env.Objective.Target) }

// stale is how old the newest measurement is that the base decides on.
func (p *Policy) stale(obs *scale.Observation) float32 {
	oldest := time.Duration(0)
	for _, name := range p.base.Signals() {
		if s := obs.Signal(name); s != nil && len(s.Points) > 0 {
			oldest = max(oldest, obs.At.Sub(s.Points[len(s.Points)-1].At))
		}
	}
	return float32(oldest.Seconds())
}

// since is the seconds since an instant; very many when it never was.
func since(t, now time.Time) float32 {
	if t.IsZero() {
		return huge
	}
	return float32(now.Sub(t).Seconds())
}
