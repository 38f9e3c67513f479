package advised

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

var (
	_ policy.Policy      = (*Policy)(nil)
	_ policy.Fallback    = (*Policy)(nil)
	_ policy.Closing     = (*Policy)(nil)
	_ policy.Conditioned = (*Policy)(nil)
	_ policy.Foreseeing  = (*Policy)(nil)
	_ policy.Inquiring   = (*Policy)(nil)
	_ policy.Needing     = (*Config)(nil)
	_ policy.Ventured    = (*Config)(nil)
)

// Policy moves what its base wants towards what is advised, as far as the record
// of the advice is worth:
//
//	base ──── wants 10 ───────────────────────┐
//	Advice ── valid? ── 30, weighs 60 % ──────┴─► 10 + 0.6 · (30 − 10) = 22
//	              └─ record: what would each alone have cost so far?
//
// Below the base it goes no further than the objective lets it, and not on
// doubtful data. It remembers the record, what is worth a question, and what its
// base remembers.
type Policy struct {
	cfg     Config
	env     policy.Env
	from    string
	base    policy.Policy
	learner *capacity.Learner
	record  *record
	memory  memory

	silence   string // why no advice is valid
	proposals []scale.Proposal
	lasting   []scale.GuardCondition
	inquiries []policy.Inquiry
}

// New returns the policy for a valid configuration; build makes the base. What
// advice was worth is counted by the cost of a violation, which comes from the
// objective.
func New(cfg Config, env policy.Env, build policy.Builder) (*Policy, error) {
	if env.Objective == nil {
		return nil, errors.New("advised: needs objective.latency: what advice is worth is judged by it")
	}
	base, err := build(cfg.Base, env)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	env.Sync = max(env.Sync, time.Millisecond)
	p := &Policy{cfg: cfg, env: env, from: cfg.Advisor.From(), base: base, learner: env.Service}
	if p.learner == nil || cfg.Service != (capacity.Config{}) {
		p.learner = capacity.NewLearner(cfg.Service, *env.Objective, env.Topology, 2*max(1, env.Max), env.Curves)
	}
	p.record = newRecord(*env.Objective, env.Sync)
	return p, nil
}

// Signals are those of the base.
func (p *Policy) Signals() []string { return p.base.Signals() }

// Essential are those of the base.
func (p *Policy) Essential() []string { return policy.Essential(p.base) }

// Closed is what the base says.
func (p *Policy) Closed(obs scale.Observation) bool { return policy.Closed(p.base, obs) }

// Outlook is that of the base.
func (p *Policy) Outlook() (policy.Outlook, bool) { return policy.OutlookOf(p.base) }

// Recommend asks the base, prices what it and the advice would have cost since the
// last observation, and folds the advice in.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	p.begin(&obs)
	p.learner.Observe(&obs)
	p.inquiries = append(p.inquiries[:0], policy.Inquiries(p.base)...)
	advice, why := p.valid(&obs)
	p.silence = why
	rec, err := p.base.Recommend(obs)
	if err != nil {
		p.record.pause()
		return rec, err
	}
	base := min(max(rec.Replicas, p.env.Min), p.env.Max)
	wish := base
	if advice != nil {
		wish = p.wish(advice, base, &obs)
	}
	rate, unit := p.load(&obs)
	p.record.decide(&obs, p.learner, turn{base: base, advised: wish, valid: advice != nil, rate: rate, unit: unit})
	measured := unit != ""
	p.inquire(&obs, base, advice)
	if advice == nil {
		return p.unadvised(rec, &obs), nil
	}
	return p.fold(rec, base, wish, measured, advice, &obs), nil
}

// load is what costs are counted by, in what the learner says that a replica carries
// of it, and the signal that it comes from: requests, or where nobody counts those the
// CPU that is used. "": it is not measured.
func (p *Policy) load(obs *scale.Observation) (value float64, unit string) {
	s := p.learner.Load(obs)
	if s == nil || s.Trust != scale.Fresh || len(s.Points) == 0 || !p.learner.Known() {
		return 0, ""
	}
	if s.Name == scale.RequestRate && p.learner.WorkOnly() { // no request has ever come
		return 0, ""
	}
	return s.Points[len(s.Points)-1].Value, s.Name
}

// begin sees to a clock that was set back: then all begins anew, but for the base,
// which sees to itself.
func (p *Policy) begin(obs *scale.Observation) {
	m := &p.memory
	if m.At.Sub(obs.At) > time.Minute {
		*m = memory{}
		p.record = newRecord(*p.env.Objective, p.env.Sync)
	}
	m.At = obs.At
	if m.Count != obs.CurrentReplicas {
		m.Count, m.Counted = obs.CurrentReplicas, obs.At
	}
}

// fold goes from what the base wants towards what is advised, by the weight of
// the advice.
func (p *Policy) fold(rec scale.Recommendation, base, wish int, measured bool, a *scale.Advice, obs *scale.Observation) scale.Recommendation {
	weight := p.record.weight()
	if !measured { // what nobody can price is not followed
		weight = 0
	}
	n := toward(base, wish, weight)
	hold := p.hold(n, base, obs)
	n = max(n, hold.floor)
	said := p.said(wish, weight, measured, hold, a, obs)
	its := scale.Proposal{Signal: p.cfg.Base.Kind, Replicas: rec.Replicas, Reason: rec.Reason}
	p.proposals = append(append(p.proposals[:0], rec.Proposals...), its, said)
	rec.Proposals = p.proposals
	if n == base {
		return rec
	}
	because := scale.Because("Advised", "{0 replica} where the policy wants {1}: advice of {2} weighs {3%}; the model says: “{n}”",
		float64(n), float64(base), float64(wish), weight)
	if a.Reason == "" {
		because.Template = "{0 replica} where the policy wants {1}: advice of {2} weighs {3%}"
	}
	rec.Replicas, rec.Reason = n, because.About(a.Reason)
	return rec
}

// toward is the count nearest to so much of the way from one count to another;
// of two that are as near the one nearer to where it comes from.
func toward(from, to int, share float64) int {
	way := share * math.Abs(float64(to)-float64(from))
	steps := int(math.Ceil(way - 0.5))
	if to < from {
		return from - steps
	}
	return from + steps
}

// hold is what keeps advice from taking replicas away.
type hold struct {
	floor int    // no fewer
	code  string // why; "": nothing was held
}

// hold says how few may follow from advice. The floor is the base's need for what
// may arrive until replicas asked for now would serve: fewer would do for the load
// of this moment (Outlook.Now), but one that is missing then takes its start-up
// time to come back. So advice can only let go of what the base keeps because
// starting it again would be dearer. While requests wait, or the base wants more
// than there are, it may take nothing; nor where the base does not say what it
// needs.
func (p *Policy) hold(n, base int, obs *scale.Observation) hold {
	if n >= base {
		return hold{}
	}
	if policy.InDoubt(*obs, p.Essential()) != "" {
		return hold{floor: base, code: "MetricMissing"}
	}
	if floor := p.floor(base, obs); n < floor {
		return hold{floor: floor, code: "ObjectiveNeeds"}
	}
	return hold{}
}

// floor is the fewest that advice may lower the base's count to.
func (p *Policy) floor(base int, obs *scale.Observation) int {
	o, known := policy.OutlookOf(p.base)
	if !known || o.Backlog > 0 || base > obs.CurrentReplicas {
		return base
	}
	return min(base, max(o.Need, o.Now))
}

// What is said of advice, in words, and the model's own after it. The sums of
// constants are made beforehand: deciding allocates nothing.
const (
	weighs    = "weighs {0%}, on what was seen {1s} before"
	unpriced  = "not followed while nobody can tell what it is worth, on what was seen {1s} before"
	faded     = "not followed: its record weighs {3%}, on what was seen {1s} before"
	inDoubt   = "nothing is taken away while a signal is in doubt; " + weighs
	floored   = "held at {2} by what the objective needs; " + weighs
	modelSays = "; the model says: “{n}”"
)

// said is what was advised, for people.
func (p *Policy) said(wish int, weight float64, measured bool, h hold, a *scale.Advice, obs *scale.Observation) scale.Proposal {
	code, plain, quoting := "Advice", weighs, weighs+modelSays
	switch {
	case !measured:
		code, plain, quoting = "AdviceNotFollowed", unpriced, unpriced+modelSays
	case weight == 0:
		code, plain, quoting = "AdviceNotFollowed", faded, faded+modelSays
	case h.code == "MetricMissing":
		code, plain, quoting = "AdviceVetoed", inDoubt, inDoubt+modelSays
	case h.code != "":
		code, plain, quoting = "AdviceVetoed", floored, floored+modelSays
	}
	if a.Reason != "" {
		plain = quoting
	}
	because := scale.Because(code, plain, weight, obs.At.Sub(a.SeenAt).Seconds(), float64(h.floor), p.record.worth())
	return scale.Proposal{Signal: Signal, Replicas: wish, Reason: because.About(a.Reason)}
}

// unadvised leaves the base its word and says that there is no advice.
func (p *Policy) unadvised(rec scale.Recommendation, obs *scale.Observation) scale.Recommendation {
	none := scale.Proposal{Signal: Signal, Replicas: obs.CurrentReplicas, Missing: true, Reason: scale.Because("NoAdvice", "{n}").About(p.silence)}
	p.proposals = append(append(p.proposals[:0], rec.Proposals...), none)
	rec.Proposals = p.proposals
	return rec
}
