package advised

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const (
	// plainLoad is how far a plain rule fills replicas: the 70 % that operators set
	// an autoscaler of utilization to.
	plainLoad = 0.7
	// differs is by which share of the larger of two counts policies disagree. One
	// replica of a few is rounding.
	differs = 1.0 / 3
)

// inquire looks at what has happened, and puts the one question that is worth
// asking, if there is one.
func (p *Policy) inquire(obs *scale.Observation, base int, advice *scale.Advice) {
	m := &p.memory
	if advice != nil {
		m.Answered, m.Unanswered = later(m.Answered, advice.SeenAt), time.Time{}
	}
	outlook := p.outlook(obs)
	other := p.other(&outlook)
	p.look(obs, &outlook, base, other)
	occasion := p.occasion(obs.At)
	if occasion == "" {
		return
	}
	p.inquiries = append(p.inquiries, policy.Inquiry{From: p.from, Occasion: occasion, Facts: p.facts(obs, &outlook, base, other)})
	// Whoever was just asked is not asked again so soon.
	if advice == nil && m.Unanswered.IsZero() && obs.At.Sub(m.Answered) >= p.cfg.Advisor.Every.Std() {
		m.Unanswered = obs.At
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// look takes in what may be worth a question.
func (p *Policy) look(obs *scale.Observation, o *policy.Outlook, base, other int) {
	m := &p.memory
	if rate := obs.Signal(scale.RequestRate); rate != nil && rate.Trust == scale.Fresh && len(rate.Points) > 0 {
		newest := rate.Points[len(rate.Points)-1]
		forecast := 0.0
		if o.Load == newest.Value { // it is in requests per second
			forecast = o.Peak[2]
		}
		m.Regime.see(newest.At, newest.Value, rate.Window, forecast)
	}
	m.Windows.see(obs.Signal(scale.Latency))
	m.Misses.see(obs.At, p.missed(obs))
	wide := math.Abs(float64(base-other)) > max(1, differs*float64(max(base, other)))
	m.Differing = onset(m.Differing, obs.At, other >= 0 && wide)
}

// missed reports whether the objective is missed now: by the share of requests, or
// where nobody counts those by the p95 latency.
func (p *Policy) missed(obs *scale.Observation) bool {
	if ratio, known := obs.Last(scale.ViolationRatio); known {
		return ratio > 1-p.env.Objective.Target
	}
	latency, known := obs.Last(scale.Latency)
	return known && latency > p.env.Objective.Threshold.Std().Seconds()
}

// occasion is why to ask now; "": there is nothing to ask. What was answered is not
// asked again; only misses that last are, as soon as the answer has expired.
func (p *Policy) occasion(now time.Time) string {
	m, age := &p.memory, p.cfg.Advisor.MaxAge.Std()
	open := func(since time.Time) bool { return !since.IsZero() && m.Answered.Before(since) }
	switch {
	case m.Answered.IsZero():
		return policy.FirstLook
	case open(m.Misses.Since) || !m.Misses.Since.IsZero() && now.Sub(m.Answered) >= age:
		return policy.Violations
	case open(m.Regime.Changed) && now.Sub(m.Regime.Changed) < age:
		return policy.RegimeChange
	case open(m.Differing):
		return policy.Disagreement
	case p.cfg.Advisor.Always && now.Sub(m.Answered) >= p.cfg.Advisor.Every.Std():
		return policy.Periodic
	}
	return ""
}

// outlook is the base's, else what is learned here, without a forecast.
func (p *Policy) outlook(obs *scale.Observation) policy.Outlook {
	if o, known := policy.OutlookOf(p.base); known {
		return o
	}
	none := [3]float64{math.NaN(), math.NaN(), math.NaN()}
	o := policy.Outlook{Load: math.NaN(), PerReplica: math.NaN(), Peak: none, Far: none, Startup: p.learner.StartupOr(2 * p.env.Sync)}
	if rate, known := obs.Last(scale.RequestRate); known && p.learner.Known() && !p.learner.WorkOnly() {
		o.Load, o.PerReplica = rate, p.learner.PerReplica()
	}
	return o
}

// other is what a plain rule would want; −1 where it knows nothing.
func (p *Policy) other(o *policy.Outlook) int {
	n := math.Ceil(o.Load / (plainLoad * o.PerReplica))
	if !(o.PerReplica > 0) || !(n >= 0) {
		return -1
	}
	return int(min(max(n, float64(p.env.Min)), float64(p.env.Max)))
}

// facts are what is known beyond what is seen.
func (p *Policy) facts(obs *scale.Observation, o *policy.Outlook, base, other int) policy.Facts {
	f := policy.Facts{
		Wants: base, Floor: max(p.floor(base, obs), p.env.Min), Other: other,
		Load: o.Load, PerReplica: o.PerReplica, Forecast: o.Peak, Startup: o.Startup, SinceChange: obs.At.Sub(p.memory.Counted),
	}
	if other < 0 {
		f.Other = base
	}
	if o.Signal == scale.CPUUtilization { // loads are replicas' worth of CPU, and no requests per second
		none := math.NaN()
		f.Load, f.PerReplica, f.Forecast = none, none, [3]float64{none, none, none}
	}
	f.Baseline, f.Sigma = p.memory.Windows.usual()
	f.LowWindows = p.memory.Windows.low(f.Baseline, f.Sigma)
	return f
}

// Inquiries are those of the base, and the one of the policy.
func (p *Policy) Inquiries() []policy.Inquiry { return p.inquiries }

// Conditions are those of the base, and that nobody answers, or that what is
// answered is worth nothing.
func (p *Policy) Conditions() []scale.GuardCondition {
	p.lasting = append(p.lasting[:0], policy.Conditions(p.base)...)
	m, r := &p.memory, p.record
	patient := p.cfg.Advisor.MaxAge.Std() + p.cfg.Advisor.Every.Std()
	if !m.Unanswered.IsZero() && m.At.Sub(m.Unanswered) > patient {
		p.lasting = append(p.lasting, scale.GuardCondition{Since: m.Unanswered,
			Reason: scale.Because("AdvisorSilent", "no advice, the policy decides alone: {n}").About(p.silence)})
	}
	if !r.Faded.IsZero() {
		p.lasting = append(p.lasting, scale.GuardCondition{Since: r.Faded,
			Reason: scale.Because("AdvisorFaded", "advice is not followed: what it would have cost lately leaves it a weight of {0%}", r.worth())})
	}
	return p.lasting
}
