// Package learned runs what reinforcement learning has found. A model corrects
// another policy, its base: it says by which factor to have more or fewer
// replicas than the base wants, most often by none.
//
//	observation ─┬─► base ──── wants 10 ──────────────┬─► 10 × 1.25 = 13
//	             └─► State ─► Encode ─► net ─► × 1.25 ┘
//	                            └─ strange, drifting, no number: as the base
//
// It decides by the very encoding it was trained with, refuses a model of
// another one, and does as the base does whenever it sees what it never saw in
// training. Whatever it says, an envelope bounds what it may cost.
package learned

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const kind, memoryVersion = "learned", 1

var (
	_ policy.Policy      = (*Policy)(nil)
	_ policy.Fallback    = (*Policy)(nil)
	_ policy.Closing     = (*Policy)(nil)
	_ policy.Conditioned = (*Policy)(nil)
	_ policy.Foreseeing  = (*Policy)(nil)
)

// Policy corrects its base by a model. It remembers what an observation shows of
// the past, how strange the last ones were, and what its base remembers.
type Policy struct {
	cfg     Config
	env     policy.Env
	base    policy.Policy
	model   *Model
	neutral int // the action that does as the base
	think   *neural.Inference
	learner *capacity.Learner // nil: the base says what a replica carries
	shared  bool              // the learner is that of the rules

	past   past
	strays strays

	row       [Width]float32
	scores    []float32
	allowed   []bool
	proposals []scale.Proposal
	lasting   []scale.GuardCondition
}

// New returns the policy for a valid configuration; build makes the base, open
// returns what a file holds, for a model that is none of those in the program.
func New(cfg Config, env policy.Env, build policy.Builder, open func(name string) ([]byte, error)) (*Policy, error) {
	if env.Objective == nil {
		return nil, fmt.Errorf("learned: needs objective.latency, which it was trained for")
	}
	data, err := Find(cfg.Model, open)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	model, err := Read(data)
	if err != nil {
		return nil, fmt.Errorf("model: %s: %w", cfg.Model, err)
	}
	base, err := build(cfg.Base, env)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	return with(cfg, env, base, model), nil
}

// with puts a policy together.
func with(cfg Config, env policy.Env, base policy.Policy, model *Model) *Policy {
	env.Sync = max(env.Sync, time.Millisecond)
	p := &Policy{
		cfg: cfg, env: env, base: base, model: model, neutral: model.Actions.Base(),
		think: model.Net.NewInference(), scores: make([]float32, len(model.Actions)), allowed: make([]bool, len(model.Actions)),
	}
	if _, foresees := base.(policy.Foreseeing); !foresees {
		p.learner, p.shared = env.Service, env.Service != nil
		if !p.shared {
			p.learner = capacity.NewLearner(capacity.Config{}, *env.Objective, env.Topology, 2*max(1, env.Max), env.Curves)
		}
	}
	return p
}

// Signals are those of the base.
func (p *Policy) Signals() []string { return p.base.Signals() }

// Essential are those of the base.
func (p *Policy) Essential() []string { return policy.Essential(p.base) }

// Closed is what the base says.
func (p *Policy) Closed(obs scale.Observation) bool { return policy.Closed(p.base, obs) }

// Outlook is that of the base.
func (p *Policy) Outlook() (policy.Outlook, bool) { return policy.OutlookOf(p.base) }

// Seen is the newest observation as the model reads it, lent until the next
// Recommend: what can be held against training.
func (p *Policy) Seen() []float32 { return p.row[:] }

// Conditions are those of the base, and that the model has been a stranger for long.
func (p *Policy) Conditions() []scale.GuardCondition {
	p.lasting = append(p.lasting[:0], policy.Conditions(p.base)...)
	if c, drifts := p.strays.condition(); drifts {
		p.lasting = append(p.lasting, c)
	}
	return p.lasting
}

// Inquiries are those of the base.
func (p *Policy) Inquiries() []policy.Inquiry { return policy.Inquiries(p.base) }

// Recommend asks the base, and then the model what to make of it.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	if p.learner != nil {
		p.learner.Observe(&obs)
	}
	p.past.see(&obs, p.env.Sync)
	rec, err := p.base.Recommend(obs)
	if err != nil {
		p.past.blind()
		return rec, err
	}
	wants := min(max(rec.Replicas, p.env.Min), p.env.Max)
	s, known := p.state(&obs, wants)
	switch {
	case !known:
		p.past.blind()
		return p.asBase(rec, scale.Because("Unmeasured", "the model sees no load yet")), nil
	case wants < 1:
		p.past.encode(&s, p.row[:])
		return p.asBase(rec, scale.Because("NothingWanted", "nothing to correct")), nil
	case policy.InDoubt(obs, p.Essential()) != "":
		p.past.encode(&s, p.row[:])
		return p.asBase(rec, scale.Because("Doubtful", "not on doubtful data")), nil
	}
	p.past.encode(&s, p.row[:])
	if why, strange := p.strays.look(&p.model.Features, p.row[:], obs.At, p.cfg.Strangeness); strange {
		return p.asBase(rec, why), nil
	}
	return p.correct(rec, wants, s.Lowest()), nil
}

// correct takes the best of the actions that are allowed.
func (p *Policy) correct(rec scale.Recommendation, wants, lowest int) scale.Recommendation {
	p.think.Infer(p.row[:], p.scores)
	p.model.Actions.Allow(p.allowed, p.neutral, wants, lowest, p.env.Max)
	best := p.neutral
	for i, score := range p.scores {
		if score != score { // not even parameters that are numbers keep sums from overflowing
			return p.asBase(rec, scale.Because("NotANumber", "the model has no answer"))
		}
		if p.allowed[i] && score > p.scores[best] {
			best = i
		}
	}
	n := min(max(p.model.Actions.Count(best, p.neutral, wants), lowest), p.env.Max)
	if best == p.neutral {
		return p.asBase(rec, scale.Because("AsBase", "× 1"))
	}
	because := scale.Because("Learned", "{0 replica} where {n} wants {1}: × {2}", float64(n), float64(wants), math.Round(float64(p.model.Actions[best])*1000)/1000)
	return p.say(rec, n, because.About(p.cfg.Base.Kind))
}

// asBase leaves the base its word and notes why.
func (p *Policy) asBase(rec scale.Recommendation, why scale.Reason) scale.Recommendation {
	because := rec.Reason
	out := p.say(rec, rec.Replicas, why)
	out.Reason = because
	return out
}

// say makes a recommendation of the base's, with what the model says as a
// proposal more.
func (p *Policy) say(rec scale.Recommendation, replicas int, why scale.Reason) scale.Recommendation {
	p.proposals = append(append(p.proposals[:0], rec.Proposals...), scale.Proposal{Signal: "model", Replicas: replicas, Reason: why})
	rec.Replicas, rec.Reason, rec.Proposals = replicas, why, p.proposals
	return rec
}
